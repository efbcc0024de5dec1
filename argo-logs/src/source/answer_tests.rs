use nix::errno::Errno;

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("cannot connect")]
struct Outer(#[source] io::Error);

fn error(errno: Errno) -> Outer {
    Outer(io::Error::from_raw_os_error(errno as i32))
}

#[test]
fn a_want_of_files_is_found_among_the_causes() {
    let of = OpenError::of(&error(Errno::EMFILE));
    let limited = matches!(of, OpenError::TooManyFiles { limit: Some(n) } if n > 0);
    assert!(limited, "{of:?}");
    let of = OpenError::of(&error(Errno::ECONNREFUSED));
    assert!(matches!(of, OpenError::Lost(_)), "{of:?}");
}
