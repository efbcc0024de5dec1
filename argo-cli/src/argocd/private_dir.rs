//! A directory that only this run knows.
//!
//! With `--grpc-web` argocd listens on a unix socket in `TMPDIR`, and leaves it there
//! when it is killed. In a directory of its own the socket goes with the directory, and
//! one that is missing or too long for a socket's path does no harm.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
};

use super::variables::value;

/// Removed with everything in it when dropped.
#[derive(Debug)]
pub(super) struct PrivateDir(PathBuf);

/// A socket's path may have 104 bytes (macOS; 108 on Linux), the last of them zero, of
/// which argocd takes 29: `/argocd-<16 letters>.sock`.
const LONGEST: usize = 104 - 1 - 29;

impl PrivateDir {
    /// Creates the directory in `TMPDIR`, or else in `/tmp`. If neither works, argocd uses
    /// the user's own setting.
    pub(super) fn for_argocd(environment: &[(OsString, OsString)]) -> Option<Self> {
        let own = value(environment, "TMPDIR").map(Path::new);
        let made = own
            .into_iter()
            .chain([Path::new("/tmp")])
            .find_map(Self::create_in);
        if made.is_none() {
            log::warn!("no private directory for argocd: neither TMPDIR nor /tmp will do");
        }
        made
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the directory under the first free name. A run in another container with the
    /// same process id may have taken a name.
    fn create_in(parent: &Path) -> Option<Self> {
        (0..1000)
            .find_map(|n| {
                let path = parent.join(format!("argo-{}-{n}", process::id()));
                Self::create(path).transpose()
            })?
            .ok()
    }

    /// Creates the directory, or returns `None` if the name is taken. `mkdir` follows no
    /// link and takes over nothing.
    fn create(path: PathBuf) -> io::Result<Option<Self>> {
        if !path.is_absolute() || path.as_os_str().len() > LONGEST {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Some(Self(path))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::debug!("cannot remove {}: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, os::unix::fs::PermissionsExt};

    use super::*;

    fn tmpdir(value: impl Into<OsString>) -> Vec<(OsString, OsString)> {
        vec![("TMPDIR".into(), value.into())]
    }

    #[test]
    fn two_of_one_process_differ_and_both_go() {
        let environment = tmpdir(env::temp_dir());
        let one = PrivateDir::for_argocd(&environment).unwrap();
        let two = PrivateDir::for_argocd(&environment).unwrap();
        let paths = [one.path().to_owned(), two.path().to_owned()];
        assert_ne!(paths[0], paths[1]);
        assert_eq!(
            fs::metadata(&paths[0]).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::write(paths[0].join("argocd-x.sock"), "").unwrap();
        drop((one, two));
        assert_eq!(paths.map(|path| path.exists()), [false, false]);
    }

    #[test]
    fn a_useless_tmpdir_gives_way_to_the_usual_one() {
        let long = env::temp_dir().join("x".repeat(LONGEST));
        for useless in [
            "/nonexistent".into(),
            "relative".into(),
            long.into_os_string(),
        ] {
            let made = PrivateDir::for_argocd(&tmpdir(&useless)).unwrap();
            assert!(made.path().starts_with("/tmp"), "{useless:?}");
        }
    }
}
