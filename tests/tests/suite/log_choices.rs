//! What the user asks to see of the logs, and what is said of the rest.
