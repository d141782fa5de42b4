use std::time::Duration;

use nexus_core::socketio::{Namespace, Payload};
use proptest::prelude::*;

use super::*;

const MINUTE: u64 = 60_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn log(config: RecoveryConfig) -> Log<()> {
    Log::new("e7".into(), config)
}

/// Its text is the place at which it stands, so that a replay can be read.
fn append(log: &mut Log<()>, now: u64, audience: Audience) {
    let payload = Payload::from_value(&log.next_offset(None).n).unwrap();
    let message = Message::from_event(&Namespace::root(), None, "n", &payload);
    log.append(at(now), audience, message);
}

fn park(log: &mut Log<()>, now: u64, session: SessionState<()>) -> Vec<String> {
    log.park(at(now), session).iter().map(|session| session.pid.to_string()).collect()
}

fn session(pid: &str, start: u64, rooms: &[&str]) -> SessionState<()> {
    SessionState {
        pid: pid.into(),
        sid: Sid::new(format!("sid-{pid}")),
        user: Some("ada".into()),
        rooms: rooms.iter().map(|room| Arc::from(*room)).collect(),
        start,
        data: (),
    }
}

fn offset(n: u64) -> Offset {
    Offset { incarnation: "e7".into(), n, is_volatile: false, position: None }
}

fn to(room: &str) -> Audience {
    Audience::everybody().to(room.into())
}

fn places(resumed: &Resumed<()>) -> Vec<u64> {
    resumed.replay.iter().map(place_of).collect()
}

fn place_of(message: &Message) -> u64 {
    let nexus_core::engineio::Frame::Text(text) = message.frames().next().unwrap() else { panic!("text") };
    text.trim_start_matches(r#"42["n","#).trim_end_matches(']').parse().unwrap()
}

fn resume(log: &mut Log<()>, now: u64, pid: &str, n: Option<u64>) -> Result<Vec<u64>, NotResumed> {
    let offset = n.map(offset);
    log.resume(at(now), pid, Some("ada"), offset.as_ref()).map(|resumed| places(&resumed))
}

#[test]
fn a_replay_is_what_was_for_the_session_behind_the_higher_of_start_and_offset() {
    let mut log = log(RecoveryConfig::default());
    let everybody = Audience::everybody;
    append(&mut log, 0, everybody());
    append(&mut log, 0, everybody());
    append(&mut log, 1, to("a"));
    append(&mut log, 1, to("b"));
    append(&mut log, 2, to("b").to("sid-p".into()));
    append(&mut log, 2, everybody().except("a".into()));
    append(&mut log, 3, everybody().except("sid-p".into()));
    append(&mut log, 3, everybody().without(Sid::new("sid-p")));
    append(&mut log, 4, Audience::socket(Sid::new("sid-p")));
    append(&mut log, 4, Audience::socket(Sid::new("sid-q")));
    append(&mut log, 5, everybody().without(Sid::new("sid-q")));
    for (n, expected) in [
        (None, vec![2, 3, 5, 9, 11]),
        (Some(0), vec![2, 3, 5, 9, 11]),
        (Some(1), vec![2, 3, 5, 9, 11]),
        (Some(3), vec![5, 9, 11]),
        (Some(9), vec![11]),
        (Some(11), vec![]),
    ] {
        park(&mut log, 5, session("p", 1, &["a", "c"]));
        assert_eq!(resume(&mut log, 6, "p", n), Ok(expected), "{n:?}");
    }
}

#[test]
fn offsets_say_where_the_log_stands() {
    let mut log = log(RecoveryConfig::default());
    assert_eq!(log.volatile_offset().to_string(), "e7.0.v");
    assert_eq!(log.next_offset(None).to_string(), "e7.1");
    append(&mut log, 0, Audience::everybody());
    assert_eq!(log.volatile_offset().to_string(), "e7.1.v");
    assert_eq!(log.next_offset(Position::parse("k-17")).to_string(), "e7.2.k-17");
    assert_eq!(log.last(), 1);
}

#[test]
fn an_offset_of_another_life_or_of_the_future_resumes_nothing_and_leaves_the_session() {
    let mut log = log(RecoveryConfig::default());
    append(&mut log, 0, Audience::everybody());
    park(&mut log, 0, session("p", 0, &[]));
    let other = Offset { incarnation: "e8".into(), ..offset(1) };
    assert_eq!(log.resume(at(0), "p", Some("ada"), Some(&other)).unwrap_err(), NotResumed::AnotherLog);
    assert_eq!(resume(&mut log, 0, "p", Some(2)), Err(NotResumed::Future));
    assert_eq!(resume(&mut log, 0, "p", Some(u64::MAX)), Err(NotResumed::Future));
    assert_eq!(resume(&mut log, 0, "q", None), Err(NotResumed::Unknown));
    assert_eq!(resume(&mut log, 0, "p", Some(1)), Ok(vec![]));
    assert_eq!(resume(&mut log, 0, "p", Some(1)), Err(NotResumed::Unknown), "a session is resumed once");
}

#[test]
fn a_session_is_its_users_own() {
    let mut log = log(RecoveryConfig::default());
    park(&mut log, 0, session("p", 0, &[]));
    park(&mut log, 0, SessionState { user: None, ..session("open", 0, &[]) });
    for user in [None, Some("eve"), Some("")] {
        assert_eq!(log.resume(at(0), "p", user, None).unwrap_err(), NotResumed::WrongUser);
    }
    assert_eq!(log.resume(at(0), "open", Some("ada"), None).unwrap_err(), NotResumed::WrongUser);
    assert!(log.resume(at(0), "p", Some("ada"), None).is_ok());
    assert!(log.resume(at(0), "open", None, None).is_ok(), "as with a stock server");
}

#[test]
fn a_session_waits_as_long_as_the_window() {
    for (after, known) in [(2 * MINUTE, true), (2 * MINUTE + 1, false)] {
        let mut log = log(RecoveryConfig::default());
        park(&mut log, 7, session("p", 0, &[]));
        assert_eq!(log.expire(at(7 + 2 * MINUTE)), []);
        assert_eq!(resume(&mut log, 7 + after, "p", None).is_ok(), known);
        assert_eq!(log.expire(at(7 + after)).len(), usize::from(!known));
        assert_eq!(log.parked(), 0);
        assert!(log.order.is_empty());
    }
}

#[test]
fn parking_again_begins_the_window_anew() {
    let mut log = log(RecoveryConfig::default());
    park(&mut log, 0, session("p", 0, &[]));
    assert_eq!(park(&mut log, MINUTE, session("p", 0, &[])), ["p"], "the one before goes");
    assert_eq!((log.parked(), log.order.len()), (1, 1));
    assert!(resume(&mut log, 3 * MINUTE, "p", None).is_ok());
    park(&mut log, 3 * MINUTE, session("p", 0, &[]));
    assert!(log.forget("p").is_some());
    assert_eq!((log.parked(), log.order.len()), (0, 0));
}

#[test]
fn the_oldest_session_goes_where_there_are_too_many() {
    let mut log = log(RecoveryConfig { max_sessions: 2, ..RecoveryConfig::default() });
    for (pid, gone) in [("a", vec![]), ("b", vec![]), ("c", vec!["a"])] {
        assert_eq!(park(&mut log, 0, session(pid, 0, &[])), gone);
    }
    assert_eq!(log.parked(), 2);
    assert!(!log.is_parked("a"));
    assert!(log.is_parked("b"));
    assert!(log.is_parked("c"));
}

#[test]
fn the_log_reaches_as_far_as_its_bounds_and_says_where_it_does_not() {
    let entry = {
        let mut log = log(RecoveryConfig::default());
        append(&mut log, 0, Audience::everybody());
        log.bytes()
    };
    let events = RecoveryConfig { max_events: 3, ..RecoveryConfig::default() };
    let bytes = RecoveryConfig { max_bytes: 3 * entry, ..RecoveryConfig::default() };
    for config in [events, bytes] {
        let mut log = log(config);
        for _ in 0..5 {
            append(&mut log, 0, Audience::everybody());
        }
        assert_eq!((log.len(), log.bytes()), (3, 3 * entry));
        park(&mut log, 0, session("p", 0, &[]));
        assert_eq!(resume(&mut log, 0, "p", None), Err(NotResumed::TooOld));
        assert_eq!(resume(&mut log, 0, "p", Some(1)), Err(NotResumed::TooOld));
        assert_eq!(resume(&mut log, 0, "p", Some(2)), Ok(vec![3, 4, 5]));
    }
    let mut log = log(RecoveryConfig { max_bytes: entry - 1, ..RecoveryConfig::default() });
    append(&mut log, 0, Audience::everybody());
    assert_eq!((log.len(), log.bytes(), log.last()), (0, 0, 1), "an event beyond the bound alone is not kept");
    park(&mut log, 0, session("p", 0, &[]));
    assert_eq!(resume(&mut log, 0, "p", None), Err(NotResumed::TooOld));
    assert_eq!(resume(&mut log, 0, "p", Some(1)), Ok(vec![]));
}

#[test]
fn events_are_kept_for_their_time() {
    let mut log = log(RecoveryConfig::default());
    append(&mut log, 0, Audience::everybody());
    append(&mut log, 2 * MINUTE, Audience::everybody());
    for (now, expected) in [(3 * MINUTE, Ok(vec![1, 2])), (3 * MINUTE + 1, Err(NotResumed::TooOld))] {
        park(&mut log, now, session("p", 0, &[]));
        assert_eq!(resume(&mut log, now, "p", None), expected);
    }
    assert_eq!(resume(&mut log, 3 * MINUTE + 1, "p", Some(1)), Ok(vec![2]));
    assert_eq!(log.expire(at(6 * MINUTE)), []);
    assert_eq!((log.len(), log.bytes()), (0, 0));
    park(&mut log, 6 * MINUTE, session("p", 2, &[]));
    assert_eq!(resume(&mut log, 6 * MINUTE, "p", None), Ok(vec![]), "old places are good where nothing followed");
}

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Send(u8),
    Park(u8, u8),
    Resume(u8, Option<u64>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..30_000u64).prop_map(Step::Pass),
        (0..4u8).prop_map(Step::Send),
        (0..4u8).prop_map(Step::Send),
        (0..4u8, 0..4u8).prop_map(|(pid, room)| Step::Park(pid, room)),
        (0..4u8, proptest::option::of(0..40u64)).prop_map(|(pid, n)| Step::Resume(pid, n)),
    ]
}

/// A log that forgets nothing, and the bounds in plain words.
#[derive(Default)]
struct Model {
    sent: Vec<(u8, u64)>,
    parked: Vec<(u8, u8, u64, u64)>,
}

proptest! {
    #[test]
    fn a_replay_has_no_gap_and_nothing_twice(steps in proptest::collection::vec(step(), 1..120)) {
        let config = RecoveryConfig {
            window: Duration::from_secs(60),
            max_age: Duration::from_secs(90),
            max_events: 8,
            max_sessions: 3,
            ..RecoveryConfig::default()
        };
        let mut log = log(config.clone());
        let mut model = Model::default();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Pass(time) => now += time,
                Step::Send(room) => {
                    append(&mut log, now, to(&room.to_string()));
                    model.sent.push((room, now));
                }
                Step::Park(pid, room) => {
                    let start = log.last();
                    park(&mut log, now, session(&pid.to_string(), start, &[&room.to_string()]));
                    model.parked.retain(|known| known.0 != pid);
                    model.parked.push((pid, room, start, now));
                    if model.parked.len() > config.max_sessions {
                        model.parked.remove(0);
                    }
                }
                Step::Resume(pid, n) => {
                    let found = model.parked.iter().position(|known| known.0 == pid && now - known.3 <= 60_000);
                    let last = model.sent.len() as u64;
                    let expected = match found {
                        None => Err(NotResumed::Unknown),
                        Some(_) if n.is_some_and(|n| n > last) => Err(NotResumed::Future),
                        Some(index) => {
                            let (_, room, start, _) = model.parked[index];
                            let from = start.max(n.unwrap_or_default()) as usize;
                            let behind = &model.sent[from..];
                            if behind.len() > 8 || behind.iter().any(|sent| now - sent.1 > 90_000) {
                                Err(NotResumed::TooOld)
                            } else {
                                model.parked.remove(index);
                                let mine = (from..).zip(behind).filter(|(_, sent)| sent.0 == room);
                                Ok(mine.map(|(index, _)| index as u64 + 1).collect::<Vec<_>>())
                            }
                        }
                    };
                    prop_assert_eq!(resume(&mut log, now, &pid.to_string(), n), expected);
                }
            }
            prop_assert!(log.len() <= 8 && log.parked() <= 3 && log.parked() == log.order.len());
            prop_assert_eq!(log.bytes(), log.entries.iter().map(Entry::size).sum::<usize>());
        }
    }
}
