//! Pure logic of the filters: counters, series, no host calls
