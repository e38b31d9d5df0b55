pub(crate) const BUDGET: usize = 256;
