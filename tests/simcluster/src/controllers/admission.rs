//! Admission of pods: quotas, service accounts and policies that refuse them.

use serde_json::Value;

use super::view::ended;
use crate::kubelet::timing::Random;
use crate::store::Store;

/// Returns the message with which the API server would refuse this pod, if it would.
pub(crate) fn refusal(store: &Store, pod: &Value, random: &mut Random) -> Option<String> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or("default");
    let given = pod["metadata"]["name"].as_str();
    let prefix = pod["metadata"]["generateName"].as_str().unwrap_or_default();
    let account = pod["spec"]["serviceAccountName"]
        .as_str()
        .unwrap_or("default");
    // The default account is the namespace controller's work and always comes.
    if account != "default" && store.get("serviceaccounts", namespace, account).is_none() {
        let name = given.unwrap_or(prefix);
        return Some(format!(
            "pods \"{name}\" is forbidden: error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found"
        ));
    }
    let quotas = store.list("resourcequotas", Some(namespace)).ok()?.items;
    let mut limits = quotas.iter().filter_map(|quota| {
        let hard = &quota["spec"]["hard"];
        let (resource, limit) = ["pods", "count/pods"]
            .iter()
            .find_map(|name| Some((*name, number(&hard[*name])?)))?;
        Some((quota.name().to_owned(), resource, limit))
    });
    let (quota, resource, limit) = limits.find(|(_, _, limit)| used(store, namespace) >= *limit)?;
    let name = given.map_or_else(|| format!("{prefix}{}", suffix(random)), str::to_owned);
    let used = used(store, namespace);
    Some(format!(
        "pods \"{name}\" is forbidden: exceeded quota: {quota}, requested: {resource}=1, used: {resource}={used}, limited: {resource}={limit}"
    ))
}

fn used(store: &Store, namespace: &str) -> usize {
    let pods = store.list("pods", Some(namespace)).map(|list| list.items);
    pods.unwrap_or_default()
        .iter()
        .filter(|pod| !ended(pod))
        .count()
}

fn number(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => text.parse().ok(),
        number => usize::try_from(number.as_u64()?).ok(),
    }
}

/// Five letters, as behind a `generateName`.
fn suffix(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let letter = |random: &mut Random| {
        let index = usize::try_from(random.next() % LETTERS.len() as u64).unwrap_or_default();
        char::from(LETTERS[index])
    };
    (0..5).map(|_| letter(random)).collect()
}
