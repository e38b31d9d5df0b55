//! Where operators differ from the recorded library on purpose: a rule each, with its reason.

use serde_json::Value;

use crate::compare::same;
use crate::vector::Vector;

/// A difference that is meant.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    /// Whether an output that is not the recorded one is what the rule says it is.
    pub(crate) explains: fn(&Vector, &[Value]) -> bool,
}

pub(crate) const RULES: &[Rule] = &[Rule {
    name: "a failure is seen when it is read",
    reason: "an operator that needs nothing more from a source for now does not read it, so that nothing is buffered \
             without a bound; the recorded library is pushed, and fails at once (tag `eager_error`)",
    explains: |vector, given| {
        let Some((failure, before)) = vector.expected.split_last() else { return false };
        let later = given.get(before.len()..).unwrap_or_default();
        vector.tags.iter().any(|tag| tag == "eager_error")
            && failure[1] == "error"
            && same(before, &given[..before.len().min(given.len())])
            && later.iter().all(|event| event[0].as_u64() >= failure[0].as_u64())
            && later
                .last()
                .is_none_or(|last| last[1] != "error" || vector.failure_labels().contains(&last[2].to_string()))
    },
}];
