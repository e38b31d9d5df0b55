//! Epochs, the ledger, commit and resume.
