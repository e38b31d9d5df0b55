//! Where operators differ from the recorded library on purpose: a rule each, with its reason.

use serde_json::Value;

use crate::compare::same;
use crate::vector::Vector;

/// A difference that is meant.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    /// Whether an output that is not the recorded one is what the rule says it is. The last argument runs another vector.
    pub(crate) explains: fn(&Vector, &[Value], &dyn Fn(&Vector) -> Vec<Value>) -> bool,
}

pub(crate) const RULES: &[Rule] = &[Rule {
    name: "a failure is seen when it is read",
    reason: "an operator that needs nothing more from a source for now does not read it, so that nothing is buffered \
             without a bound; the recorded library is pushed, and fails at once (tag `eager_error`)",
    // Until it reads the failure, it gives what it would if there were none: until then, or to the end.
    explains: |vector, given, run| {
        let (Some(failure), Some(last)) = (vector.expected.last(), given.last()) else { return false };
        if !vector.tags.iter().any(|tag| tag == "eager_error") || failure[1] != "error" {
            return false;
        }
        let without = run(&vector.without_failure(&failure[2]));
        if last[1] == "error" && last[2] == failure[2] {
            let before = &given[..given.len() - 1];
            let late = last[0].as_u64() >= failure[0].as_u64();
            late && without.get(..before.len()).is_some_and(|without| same(without, before))
        } else {
            same(&without, given)
        }
    },
}];
