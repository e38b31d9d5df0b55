//! Tests of operators: marbles, scripted sources, a probe, virtual time.
