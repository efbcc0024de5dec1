//! More logs than this process may have files.
