//! Operators that run a flow for each item and bring the results together.
