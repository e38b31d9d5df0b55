//! Framing and decoding: pure, no async.
