//! The pages of the repository, for the tests that compare them with the program.

use std::path::Path;

/// Returns a page of `docs/`; `None` in a published crate, which stands alone.
pub(crate) fn page(name: &str) -> Option<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let read = |docs: &Path| std::fs::read_to_string(docs.join(name)).unwrap();
    docs.is_dir().then(|| read(&docs))
}
