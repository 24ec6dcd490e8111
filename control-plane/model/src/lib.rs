//! Typed, validated mesh policy and the immutable index over it
