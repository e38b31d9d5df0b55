//! [`Case`], one recorded vector: what goes in, what must come out, and the functions that its parameters name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anabranch_operators::testing::{Event, Script};
use anabranch_operators::{Flow, OperatorError};
use serde::Deserialize;
use serde_json::Value;

/// A vector as it stands in its file. A field that is not known here is an error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "informative fields are read so that unknown ones are noticed")]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) operator: String,
    pub(crate) params: BTreeMap<String, Value>,
    pub(crate) sources: Vec<Vec<Recorded>>,
    pub(crate) horizon: u64,
    pub(crate) expected: Vec<Value>,
    pub(crate) subscriptions: Vec<Vec<(u64, Option<u64>)>>,
    #[serde(default)]
    pub(crate) inner_subscriptions: Vec<(u64, u64, Option<u64>)>,
    pub(crate) tags: Vec<String>,
}

impl Vector {
    /// The same, with sources that do not fail with this label, and never end where they did.
    pub(crate) fn without_failure(&self, label: &Value) -> Self {
        let mut vector = self.clone();
        for script in &mut vector.sources {
            script.retain(|Recorded(_, event)| !matches!(event, Event::Failure(failure) if *label == failure.label()));
        }
        vector
    }
}

/// An event of a script: `[t, "next", v]`, `[t, "complete"]`, `[t, "error", label]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Vec<Value>")]
pub(crate) struct Recorded(u64, Event<i64, Failure>);

impl TryFrom<Vec<Value>> for Recorded {
    type Error = String;

    fn try_from(event: Vec<Value>) -> Result<Self, String> {
        let unknown = || format!("unknown event {event:?}");
        let tick = event.first().and_then(Value::as_u64).ok_or_else(unknown)?;
        let recorded = match (event.get(1).and_then(Value::as_str), event.get(2)) {
            (Some("next"), Some(item)) => Event::Item(item.as_i64().ok_or_else(unknown)?),
            (Some("complete"), None) => Event::End,
            (Some("error"), Some(Value::String(label))) => Event::Failure(Failure::Scripted(label.clone())),
            _ => return Err(unknown()),
        };
        Ok(Self(tick, recorded))
    }
}

/// The failures of the flows that are run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    Scripted(String),
    Operator(OperatorError),
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        Self::Operator(error)
    }
}

impl Failure {
    /// The label that vectors have for it.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Scripted(label) => label.clone(),
            Self::Operator(OperatorError::TimedOut { .. }) => "timeout".to_owned(),
            Self::Operator(error) => format!("{error:?}"),
        }
    }
}

/// A source: cold, and anew with each clone.
pub(crate) type Source = Flow<Script<i64, Failure>>;

/// A vector that is run. It notes which parameters were asked for, so that one that nobody knows is noticed.
pub(crate) struct Case<'a> {
    pub(crate) vector: &'a Vector,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(vector: &'a Vector) -> Self {
        Self { vector, asked: RefCell::default() }
    }

    /// Parameters that the runner does not know.
    pub(crate) fn unknown_params(&self) -> Vec<&str> {
        let asked = self.asked.borrow();
        self.vector.params.keys().map(String::as_str).filter(|name| !asked.contains(name)).collect()
    }

    pub(crate) fn source(&self, index: usize) -> Source {
        script(&self.vector.sources[index])
    }

    /// All sources from the given one on.
    pub(crate) fn sources_from(&self, index: usize) -> Vec<Source> {
        self.vector.sources[index..].iter().map(|events| script(events)).collect()
    }

    pub(crate) fn param(&self, name: &'static str) -> &Value {
        self.optional(name).unwrap_or_else(|| panic!("parameter `{name}` is missing"))
    }

    pub(crate) fn optional(&self, name: &'static str) -> Option<&Value> {
        self.asked.borrow_mut().insert(name);
        self.vector.params.get(name)
    }

    pub(crate) fn int(&self, name: &'static str) -> i64 {
        self.param(name).as_i64().unwrap_or_else(|| panic!("parameter `{name}` is no integer"))
    }

    pub(crate) fn number(&self, name: &'static str) -> usize {
        usize::try_from(self.int(name)).unwrap_or_else(|_| panic!("parameter `{name}` is negative"))
    }

    pub(crate) fn ms(&self, name: &'static str) -> Duration {
        Duration::from_millis(self.number(name) as u64)
    }

    pub(crate) fn flag(&self, name: &'static str) -> bool {
        self.param(name).as_bool().unwrap_or_else(|| panic!("parameter `{name}` is neither true nor false"))
    }

    fn text(&self, name: &'static str) -> &str {
        self.param(name).as_str().unwrap_or_else(|| panic!("parameter `{name}` is no text"))
    }

    /// Fails unless a parameter has the only value that the runner knows.
    pub(crate) fn expect(&self, name: &'static str, value: &str) {
        assert_eq!(self.text(name), value, "unknown value of parameter `{name}`");
    }

    pub(crate) fn mapper(&self) -> Box<dyn Fn(i64) -> i64> {
        match self.text("mapper") {
            "affine" => {
                let (a, b) = (self.int("a"), self.int("b"));
                Box::new(move |x| a * x + b)
            }
            "mod" => {
                let n = self.int("n");
                Box::new(move |x| x.rem_euclid(n))
            }
            other => panic!("unknown mapper `{other}`"),
        }
    }

    pub(crate) fn predicate(&self) -> Box<dyn Fn(&i64) -> bool> {
        match self.text("predicate") {
            "mod_eq" => {
                let (n, r) = (self.int("n"), self.int("r"));
                Box::new(move |x| x.rem_euclid(n) == r)
            }
            "lt" => {
                let v = self.int("v");
                Box::new(move |x| *x < v)
            }
            "ne" => {
                let v = self.int("v");
                Box::new(move |x| *x != v)
            }
            "true" => Box::new(|_| true),
            other => panic!("unknown predicate `{other}`"),
        }
    }

    pub(crate) fn key(&self) -> Box<dyn Fn(&i64) -> i64> {
        match self.text("key") {
            "identity" => Box::new(|x| *x),
            "mod" => {
                let n = self.int("n");
                Box::new(move |x| x.rem_euclid(n))
            }
            "div" => {
                let n = self.int("n");
                Box::new(move |x| x.div_euclid(n))
            }
            other => panic!("unknown key `{other}`"),
        }
    }

    pub(crate) fn accumulator(&self) -> Box<dyn Fn(i64, i64) -> i64> {
        match self.text("accumulator") {
            "add" => Box::new(|s, x| s + x),
            "max" => Box::new(|s, x| s.max(x)),
            "poly" => {
                let (m, p) = (self.int("m"), self.int("p"));
                Box::new(move |s, x| (s * m + x).rem_euclid(p))
            }
            other => panic!("unknown accumulator `{other}`"),
        }
    }

    pub(crate) fn seed(&self) -> Option<i64> {
        self.optional("seed").map(|seed| seed.as_i64().expect("a seed is an integer"))
    }

    /// `delay` or `close_after`: how long, by item.
    pub(crate) fn span(&self, name: &'static str) -> impl Fn(&i64) -> Duration + use<> {
        self.expect(name, "mod_affine");
        let (n, a, b) = (self.int("n"), self.int("a"), self.int("b"));
        move |x| Duration::from_millis((a * x.rem_euclid(n) + b).unsigned_abs())
    }

    /// The inner streams: item x has the script `inner[x mod len]`, in which each item i becomes 100 x + i.
    pub(crate) fn inner(&self) -> impl Fn(i64) -> Source + use<> {
        let scripts: Vec<Vec<Recorded>> =
            serde_json::from_value(self.param("inner").clone()).expect("`inner` is a list of scripts");
        move |x| {
            let at = x.rem_euclid(scripts.len() as i64) as usize;
            let events = scripts[at].iter().map(|Recorded(tick, event)| match event {
                Event::Item(i) => Recorded(*tick, Event::Item(100 * x + i)),
                _ => Recorded(*tick, event.clone()),
            });
            script(&events.collect::<Vec<_>>())
        }
    }
}

fn script(events: &[Recorded]) -> Source {
    Script::new(events.iter().map(|Recorded(tick, event)| (*tick, event.clone())))
}
