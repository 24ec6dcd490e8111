//! Test support: builders, a scripted ADS client, an Envoy runner
