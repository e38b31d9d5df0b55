//! [`Breaker`], which stops calls to a service that fails.

use std::error::Error;
use std::fmt;
use std::mem::{discriminant, take};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::time::clock;

/// Whether a service may be called: what [`circuit_breaker`](crate::Flow::circuit_breaker) asks before each call.
///
/// It begins *closed*, and all calls are let through. When a number of calls has failed in a row, it *opens*: no call is
/// let through for some time. Then it is *half open*: one call is let through. If that succeeds, the breaker is closed
/// again, and if not, it opens again. What calls give that were begun before it last changed does not count.
///
/// A call that is dropped decides nothing, and another is let through at once. One that gives no answer for as long as
/// the breaker was open, perhaps because nobody polls its flow, does not block the others: another is let through, and
/// the first answer of them counts.
///
/// Clones are the same breaker: give one to each flow that calls the service, and keep one to look at.
#[derive(Clone)]
pub struct Breaker {
    circuit: Arc<Mutex<Circuit>>,
}

struct Circuit {
    threshold: u32,
    open_for: Duration,
    mode: Mode,
    /// Changes with the mode, so that results of calls that were begun earlier are known as such.
    generation: u64,
    opened: u64,
    refused: u64,
    /// Those who wait for the answer of the call that was let through half open.
    waiting: Vec<Waker>,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Closed {
        failures: u32,
    },
    Open {
        /// When a call is let through; `None` is beyond the clock's reach.
        until: Option<Instant>,
    },
    /// A call is under way that decides.
    HalfOpen {
        /// When another is let through, if there is no answer by then.
        until: Option<Instant>,
    },
}

/// How a [`Breaker`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls are let through.
    Closed,
    /// No call is let through.
    Open,
    /// One call is let through, and decides.
    HalfOpen,
}

/// Why a call gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakerError<T, X> {
    /// The breaker was open; this item was not tried.
    Open(T),
    /// The call failed.
    Failed(X),
}

/// A call that was let through. To be told how it went; one that is dropped before was no answer.
pub(super) struct Permit {
    breaker: Breaker,
    generation: u64,
    told: bool,
}

/// When to ask again whether a call is let through; `None` is beyond the clock's reach.
pub(super) struct Denied(pub(super) Option<Instant>);

impl Breaker {
    /// Opens when `failures` calls have failed in a row, and lets a call through `open_for` later.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    #[track_caller]
    pub fn new(failures: u32, open_for: Duration) -> Self {
        assert!(failures > 0, "a breaker that opens after 0 failures is always open");
        assert!(!open_for.is_zero(), "a breaker must be open for some time");
        let mode = Mode::Closed { failures: 0 };
        let circuit =
            Circuit { threshold: failures, open_for, mode, generation: 0, opened: 0, refused: 0, waiting: Vec::new() };
        Self { circuit: Arc::new(Mutex::new(circuit)) }
    }

    /// How it is now.
    pub fn state(&self) -> BreakerState {
        match self.circuit().mode {
            Mode::Closed { .. } => BreakerState::Closed,
            Mode::Open { until: Some(until) } if until <= clock::now() => BreakerState::HalfOpen,
            Mode::Open { .. } => BreakerState::Open,
            Mode::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// How often it has opened.
    pub fn opened(&self) -> u64 {
        self.circuit().opened
    }

    /// How many items were not tried because it was open.
    pub fn refused(&self) -> u64 {
        self.circuit().refused
    }

    /// Lets a call through, or says when to ask again. Who waits is woken when an answer comes sooner.
    pub(super) fn admit(&self, waits: Option<&Waker>) -> Result<Permit, Denied> {
        let now = clock::now();
        let mut circuit = self.circuit();
        match circuit.mode {
            Mode::Closed { .. } => {}
            Mode::Open { until } | Mode::HalfOpen { until } if until.is_none_or(|until| until > now) => {
                match waits {
                    None => circuit.refused += 1,
                    Some(waker) => circuit.wake_later(waker),
                }
                return Err(Denied(until));
            }
            Mode::Open { .. } => {
                circuit.generation += 1;
                circuit.probe(now);
            }
            // Of the same generation as the call that has not answered, so that a slow one may still decide.
            Mode::HalfOpen { .. } => circuit.probe(now),
        }
        Ok(Permit { breaker: self.clone(), generation: circuit.generation, told: false })
    }

    /// Nothing that is done under the lock can leave it half done, so a poisoned one is as good as any.
    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    /// A call is let through, which decides.
    fn probe(&mut self, now: Instant) {
        self.mode = Mode::HalfOpen { until: now.checked_add(self.open_for) };
    }

    /// Wakes the task when the call under way has decided.
    fn wake_later(&mut self, waker: &Waker) {
        if matches!(self.mode, Mode::HalfOpen { .. }) && !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }
}

impl Permit {
    /// Says how the call went.
    pub(super) fn tell(mut self, succeeded: bool) {
        self.told = true;
        self.change(|circuit| {
            let failures = match circuit.mode {
                _ if succeeded => return Mode::Closed { failures: 0 },
                Mode::Closed { failures } => failures + 1,
                Mode::Open { .. } | Mode::HalfOpen { .. } => circuit.threshold,
            };
            if failures < circuit.threshold {
                return Mode::Closed { failures };
            }
            circuit.opened += 1;
            Mode::Open { until: clock::now().checked_add(circuit.open_for) }
        });
    }

    /// Changes the breaker as this call demands, if it was not changed since the call began.
    fn change(&self, to: impl FnOnce(&mut Circuit) -> Mode) {
        let mut circuit = self.breaker.circuit();
        if circuit.generation != self.generation {
            return;
        }
        let before = discriminant(&circuit.mode);
        circuit.mode = to(&mut circuit);
        circuit.generation += u64::from(before != discriminant(&circuit.mode));
        let waiting = take(&mut circuit.waiting);
        drop(circuit);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.told {
            self.change(|circuit| match circuit.mode {
                Mode::HalfOpen { .. } => Mode::HalfOpen { until: Some(clock::now()) },
                mode => mode,
            });
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let circuit = self.circuit();
        f.debug_struct("Breaker")
            .field("mode", &circuit.mode)
            .field("opened", &circuit.opened)
            .field("refused", &circuit.refused)
            .finish_non_exhaustive()
    }
}

impl<T, X: fmt::Display> fmt::Display for BreakerError<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(_) => f.write_str("not tried: too many calls before it failed, and the breaker is open"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<T: fmt::Debug, X: Error> Error for BreakerError<T, X> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open(_) => None,
            Self::Failed(error) => error.source(),
        }
    }
}
