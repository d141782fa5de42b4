mod buffered;
mod durable;
mod table;

use nexus_core::socketio::{
    Payload,
    delivery::{Class, Marker},
};

fn marker(class: Class, id: u64, lowest: u64) -> Marker {
    Marker { id, lowest, class, instance: None }
}

fn ack(text: &str) -> Payload {
    Payload::from_value(text).unwrap()
}
