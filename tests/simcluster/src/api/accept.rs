//! Forms of an answer, by the `Accept` header.

/// Form of objects in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Objects as they are stored.
    Whole,
    /// `PartialObjectMetadata`.
    Partial,
    /// `Table`, as kubectl prints it.
    Table,
}

/// The first form in the header that can be given; `None` if there is none.
pub(super) fn form(accept: Option<&str>) -> Option<Form> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return Some(Form::Whole);
    };
    accept.split(',').find_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        if !matches!(
            parts.next(),
            Some("application/json" | "application/*" | "*/*")
        ) {
            return None;
        }
        let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let get = |name: &str| {
            parameters
                .iter()
                .find(|(key, _)| *key == name)
                .map(|pair| pair.1)
        };
        let meta = get("g") == Some("meta.k8s.io") && get("v") == Some("v1");
        match get("as") {
            None => Some(Form::Whole),
            Some("Table") if meta => Some(Form::Table),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") if meta => {
                Some(Form::Partial)
            }
            Some(_) => None,
        }
    })
}

/// Returns true if the client asks for aggregated discovery.
pub(super) fn aggregated(accept: Option<&str>) -> bool {
    accept
        .into_iter()
        .flat_map(|accept| accept.split(','))
        .any(|range| {
            let has = |part: &str| range.split(';').any(|found| found.trim() == part);
            has("g=apidiscovery.k8s.io") && has("v=v2") && has("as=APIGroupDiscoveryList")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_can_be_given_wins() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        for (accept, wanted) in [
            ("application/json, */*", Some(Form::Whole)),
            ("", Some(Form::Whole)),
            (table, Some(Form::Table)),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Some(Form::Whole),
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Some(Form::Partial),
            ),
            (
                "application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json",
                Some(Form::Whole),
            ),
            ("text/html", None),
            ("application/vnd.kubernetes.protobuf", None),
        ] {
            assert_eq!(form(Some(accept)), wanted, "{accept}");
        }
    }
}
