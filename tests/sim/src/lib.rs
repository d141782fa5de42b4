//! Deterministic simulation of the manager and the server session.
