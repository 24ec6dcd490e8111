//! Versioned, journaled store of policy objects and its sources
