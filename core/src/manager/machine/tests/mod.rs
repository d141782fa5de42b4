//! The manager in virtual time, against a server that is played by its bytes.

mod connect;
mod downlink;
mod durable;
mod durable_restart;
mod host;
mod hostile;
mod lifecycle;
mod measure;
mod messages;
mod namespaces;
mod properties;
mod reconnect;
mod renewal;
mod scene;
mod tokens;
mod uplink_buffered;
mod uplink_properties;
