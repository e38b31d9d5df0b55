//! Whether two outputs are the same, as the vectors' schema asks.

use serde_json::Value;

/// The events of the outer flow, and those of each group or reader by itself: between groups, an instant has no order.
fn apart(events: &[Value]) -> Vec<(Option<u64>, Vec<&Value>)> {
    let mut parts: Vec<(Option<u64>, Vec<&Value>)> = Vec::new();
    for event in events {
        let of =
            matches!(event[1].as_str(), Some("item" | "close" | "group_error")).then(|| event[2].as_u64()).flatten();
        match parts.iter_mut().find(|(part, _)| *part == of) {
            Some((_, events)) => events.push(event),
            None => parts.push((of, vec![event])),
        }
    }
    parts.sort_by_key(|(part, _)| *part);
    parts
}

pub(crate) fn same(expected: &[Value], given: &[Value]) -> bool {
    let (expected, given) = (apart(expected), apart(given));
    expected.len() == given.len()
        && expected.iter().zip(&given).all(|((of, expected), (part, given))| {
            of == part
                && expected.len() == given.len()
                && expected.iter().zip(given).all(|(expected, given)| same_value(expected, given))
        })
}

pub(crate) fn same_value(expected: &Value, given: &Value) -> bool {
    match (expected, given) {
        (Value::Array(expected), Value::Array(given)) => {
            expected.len() == given.len() && expected.iter().zip(given).all(|(a, b)| same_value(a, b))
        }
        (Value::Number(expected), Value::Number(given)) if expected.is_f64() || given.is_f64() => {
            match (expected.as_f64(), given.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
                _ => false,
            }
        }
        _ => expected == given,
    }
}
