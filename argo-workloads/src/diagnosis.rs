//! Why a rollout fails: rules over what is known of the objects of an application.
