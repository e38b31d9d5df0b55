//! Operators that cut a flow into pieces, as lists or as sub-streams.
