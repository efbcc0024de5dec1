//! Claims: whether they have a volume.

use serde_json::Value;

use super::{Assessment, Health, text};

/// A claim needs a volume.
pub(super) fn claim(object: &Value) -> Assessment {
    let class = text(object, "/spec/storageClassName");
    let of_class = match class {
        "" => String::from("it names no storage class"),
        class => format!("its storage class is {class}"),
    };
    match text(object, "/status/phase") {
        "Bound" => Assessment::healthy(),
        "Lost" => Assessment::degraded("its volume is lost").note(of_class),
        "Pending" | "" => Assessment::progressing("Pending, no volume is bound").note(of_class),
        phase => Assessment {
            health: Health::Unknown,
            ..Assessment::progressing(format!("phase {phase}"))
        },
    }
}
