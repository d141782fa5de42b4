use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{ArgAction, Parser, builder::BoolishValueParser};
use thiserror::Error;

use crate::Cors;

/// Variables of features that this version does not have. Ignoring one would leave an operator believing in
/// something that is not there.
const NOT_YET: &[(&str, &str)] = &[
    ("REDIS_URL", "scaling out over Redis is not there yet"),
    ("DATABASE_URL", "PostgreSQL is not there yet: data is kept in the folder of --data-dir"),
    ("TLS_CERT", "TLS is not there yet: put a proxy that terminates it in front"),
    ("TLS_KEY", "TLS is not there yet: put a proxy that terminates it in front"),
    ("FCM_SERVICE_ACCOUNT", "push notifications are not there yet"),
    ("API_KEY", "the HTTP interface for other backends is not there yet"),
    ("RATE_LIMIT_MESSAGES_PER_MINUTE", "rate limits are not there yet"),
];

/// Long enough for a page to load again, or a phone to change networks.
const PRESENCE_GRACE: Duration = Duration::from_secs(5);

const DATA_DIR: &str = "nexus-data";

const ENVIRONMENT: &str = "The secret comes from the environment alone, for other users of a machine can read a \
command line:
  JWT_SECRET  Key of the HS256 signatures of tokens; 32 bytes or more are safe. Make one with: openssl rand -base64 48";

/// Real-time backend that speaks Socket.IO v5.
#[derive(Debug, Clone, Parser)]
#[command(name = "nexus-server", version, after_help = ENVIRONMENT)]
pub struct Args {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, env = "PORT", hide_env_values = true, default_value_t = 3000)]
    pub port: u16,
    /// Address to listen on. Default: every address, and with --demo 127.0.0.1.
    #[arg(long, env = "BIND", hide_env_values = true)]
    pub bind: Option<IpAddr>,
    /// Origins of web pages that may connect, separated by commas, such as `https://example.com`; `*` allows all.
    #[arg(long, env = "ALLOWED_ORIGIN", hide_env_values = true, value_name = "ORIGIN,…")]
    pub allowed_origin: Option<String>,
    /// The issuer (`iss`) that every token must name. Default: any.
    #[arg(long, env = "JWT_ISSUER", hide_env_values = true)]
    pub jwt_issuer: Option<String>,
    /// The audience (`aud`) that every token must name. Without it, a token that names an audience is refused.
    #[arg(long, env = "JWT_AUDIENCE", hide_env_values = true)]
    pub jwt_audience: Option<String>,
    /// Whether messages go to /realtime too, for clients that listen there and don't join /messaging.
    #[arg(long, env = "MIRROR_MESSAGES", hide_env_values = true, value_name = "true|false")]
    #[arg(default_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub mirror_messages: bool,
    /// The same as --mirror-messages=false.
    #[arg(long)]
    pub no_mirror: bool,
    /// Folder for what outlives the server: what users who are away are sent later, and which events have had their
    /// effect. Made if it is missing. Default: ./nexus-data, and with --demo a temporary one.
    #[arg(long, env = "DATA_DIR", hide_env_values = true, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// How many events are kept for a user, in each namespace, until the user's devices have them: for one more the oldest
    /// goes, and who misses it is told how many were lost. 1 to 10,000.
    #[arg(long, env = "INBOX_ENTRIES", hide_env_values = true, default_value_t = 100, value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub inbox_entries: u32,
    /// What to log: error, warn, info, debug or trace, or filters such as info,nexus_server=debug.
    #[arg(long, env = "LOG", hide_env_values = true, default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// Try it out: serves a page to chat with, makes up a secret, gives a token to whoever asks at POST /demo/token, and
    /// tells everybody who is here.
    #[arg(long)]
    pub demo: bool,
    /// Of so many in a hundred durable events the demo says that it has no time for them, to see that they come again.
    #[arg(long, hide = true, value_name = "PERCENT", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u8).range(..=100))]
    pub inject_refusals: u8,
}

/// What a server is to be, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Which web pages may connect.
    pub origins: AllowedOrigins,
    /// The key of the tokens' signatures.
    pub secret: Secret,
    /// The issuer that tokens must name, if any.
    pub issuer: Option<String>,
    /// The audience that tokens must name, if any.
    pub audience: Option<String>,
    /// Whether messages go to `/realtime` too.
    pub mirror_messages: bool,
    /// Where what outlives the process is kept. None: in a temporary folder that is deleted when the server stops.
    pub data_dir: Option<PathBuf>,
    /// How many events an inbox keeps. Default: 100.
    pub inbox_entries: u32,
    /// Whether everybody gets a token who asks for one, the page, and word of who is here.
    pub demo: bool,
    /// Of how many in a hundred durable messages a demo says that it has no time for them. Default: 0.
    pub inject_refusals: u8,
    /// How long a user without a session still counts as here. Default: 5 s. Zero: not at all.
    pub presence_grace: Duration,
    /// Whether the secret was made up for this process.
    pub secret_is_made_up: bool,
}

/// Which web pages may connect from another origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// None by long-polling; see [`Cors::none`].
    Unset,
    /// All.
    Any,
    /// These, as browsers write them.
    List(Vec<String>),
}

/// A key of which nothing is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why a server can't be started with these settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No secret, and no demo.
    #[error(
        "JWT_SECRET is not set: without it nobody's token could be checked.\n  Set it to the key that signs your \
         users' tokens (HS256); `openssl rand -base64 48` makes one.\n  To try the server out without one, start \
         it with --demo."
    )]
    NoSecret,
    /// A variable can't be read.
    #[error("{0} is no valid text")]
    NotText(&'static str),
    /// Variables of features that are not there.
    #[error("these settings would have no effect, unset them:{}", list(.0))]
    NotYet(Vec<(&'static str, &'static str)>),
    /// Not an origin.
    #[error(
        "ALLOWED_ORIGIN: {0:?} is no origin; write them as https://example.com or http://localhost:3001, separated \
         by commas, or * alone"
    )]
    Origin(String),
    /// A demo with the real secret, open to others.
    #[error(
        "--demo hands tokens to whoever asks, and with JWT_SECRET they would be valid for your other servers too: \
         unset JWT_SECRET, or bind to a loopback address"
    )]
    PublicDemoWithSecret,
    /// Refusals are for trying clients out.
    #[error("--inject-refusals is for trials: it goes with --demo only")]
    InjectWithoutDemo,
    /// The system's source of randomness failed.
    #[error("no randomness for a secret: {0}")]
    NoRandomness(String),
}

impl Settings {
    /// Checks the arguments and, through `variable`, the environment.
    ///
    /// # Errors
    /// When the server can't or should not be started with them; the error says what to do.
    pub fn new(args: &Args, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<Self, ConfigError> {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let not_yet: Vec<_> = NOT_YET.iter().copied().filter(|(name, _)| is_set(name)).collect();
        if !not_yet.is_empty() {
            return Err(ConfigError::NotYet(not_yet));
        }
        let secret = match variable("JWT_SECRET").filter(|value| !value.is_empty()) {
            Some(value) => Some(value.into_string().map_err(|_| ConfigError::NotText("JWT_SECRET"))?),
            None => None,
        };
        let default_address = if args.demo { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let address = args.bind.unwrap_or(default_address.into());
        if args.demo && secret.is_some() && !address.is_loopback() {
            return Err(ConfigError::PublicDemoWithSecret);
        }
        if args.inject_refusals > 0 && !args.demo {
            return Err(ConfigError::InjectWithoutDemo);
        }
        let given = args.data_dir.clone().filter(|folder| !folder.as_os_str().is_empty());
        let data_dir = given.or_else(|| (!args.demo).then(|| PathBuf::from(DATA_DIR)));
        let secret_is_made_up = secret.is_none();
        let secret = match secret {
            Some(text) => Secret::new(text.into_bytes())?,
            None if args.demo => Secret::random()?,
            None => return Err(ConfigError::NoSecret),
        };
        Ok(Self {
            listen: SocketAddr::new(address, args.port),
            origins: AllowedOrigins::parse(args.allowed_origin.as_deref().unwrap_or_default())?,
            secret,
            issuer: args.jwt_issuer.clone().filter(|issuer| !issuer.is_empty()),
            audience: args.jwt_audience.clone().filter(|audience| !audience.is_empty()),
            mirror_messages: args.mirror_messages && !args.no_mirror,
            data_dir,
            inbox_entries: args.inbox_entries,
            demo: args.demo,
            inject_refusals: args.inject_refusals,
            presence_grace: PRESENCE_GRACE,
            secret_is_made_up,
        })
    }
}

impl AllowedOrigins {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut list: Vec<String> = Vec::new();
        let mut any = false;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if part == "*" {
                any = true;
            } else {
                list.push(origin(part).ok_or_else(|| ConfigError::Origin(part.to_owned()))?);
            }
        }
        match (any, list.is_empty()) {
            (true, true) => Ok(Self::Any),
            (true, false) => Err(ConfigError::Origin("*".to_owned())),
            (false, true) => Ok(Self::Unset),
            (false, false) => Ok(Self::List(list)),
        }
    }

    pub(super) fn to_cors(&self) -> Cors {
        match self {
            Self::Unset => Cors::none(),
            Self::Any => Cors::any(),
            Self::List(origins) => Cors::list(origins.clone()),
        }
    }
}

/// The origin as browsers write it: lower case, no path.
fn origin(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let (scheme, host) = text.split_once("://")?;
    let scheme_is_known = matches!(scheme, "http" | "https" | "capacitor" | "ionic" | "tauri");
    let host_is_plain = !host.is_empty() && !host.contains(|c: char| "/?#@*".contains(c) || c.is_whitespace());
    (scheme_is_known && host_is_plain).then_some(text)
}

impl Secret {
    /// Shorter ones can be guessed from a token: HS256 wants as many bytes as it computes (RFC 7518, section 3.2).
    pub const SAFE_BYTES: usize = 32;

    /// A secret with these bytes. One that other servers use already may be too short to be safe, see
    /// [`is_short`](Self::is_short).
    ///
    /// # Errors
    /// When there are none.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ConfigError> {
        if bytes.is_empty() { Err(ConfigError::NoSecret) } else { Ok(Self(bytes)) }
    }

    /// Whether it has fewer than [`SAFE_BYTES`](Self::SAFE_BYTES).
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.len() < Self::SAFE_BYTES
    }

    fn random() -> Result<Self, ConfigError> {
        let mut bytes = vec![0; 64];
        getrandom::fill(&mut bytes).map_err(|error| ConfigError::NoRandomness(error.to_string()))?;
        Ok(Self(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

fn list(variables: &[(&str, &str)]) -> String {
    variables.iter().map(|(name, why)| format!("\n  {name}: {why}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn settings(args: &[&str], variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let args = Args::try_parse_from([&["nexus-server"], args].concat()).unwrap();
        Settings::new(&args, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn a_server_wants_a_secret_and_says_so() {
        let error = settings(&[], &[]).unwrap_err();
        assert_eq!(error, ConfigError::NoSecret);
        assert!(error.to_string().contains("--demo"), "{error}");
        assert_eq!(settings(&[], &[("JWT_SECRET", "")]).unwrap_err(), ConfigError::NoSecret);
        // Other servers may have it already: it works, and is warned of.
        assert!(settings(&[], &[("JWT_SECRET", "your-secret-key")]).unwrap().secret.is_short());
        assert!(!settings(&[], &[("JWT_SECRET", SECRET)]).unwrap().secret.is_short());
    }

    #[test]
    fn a_demo_makes_up_its_secret_and_stays_on_the_machine() {
        let demo = settings(&["--demo"], &[]).unwrap();
        assert!(demo.listen.ip().is_loopback() && demo.secret_is_made_up);
        assert_ne!(demo.secret, settings(&["--demo"], &[]).unwrap().secret);
        assert!(!settings(&["--demo"], &[("JWT_SECRET", SECRET)]).unwrap().secret_is_made_up);
        let open = settings(&["--demo", "--bind", "0.0.0.0"], &[("JWT_SECRET", SECRET)]).unwrap_err();
        assert_eq!(open, ConfigError::PublicDemoWithSecret);
    }

    #[test]
    fn a_server_without_demo_listens_everywhere_unless_told() {
        let listen = |args: &[&str]| settings(args, &[("JWT_SECRET", SECRET)]).unwrap().listen.to_string();
        assert_eq!(listen(&[]), "0.0.0.0:3000");
        assert_eq!(listen(&["--bind", "::1", "--port", "81"]), "[::1]:81");
    }

    #[test]
    fn data_is_kept_unless_it_is_a_demos() {
        let folder = |args: &[&str]| settings(args, &[("JWT_SECRET", SECRET)]).unwrap().data_dir;
        assert_eq!(folder(&[]), Some("nexus-data".into()));
        assert_eq!(folder(&["--data-dir", "/var/lib/nexus"]), Some("/var/lib/nexus".into()));
        assert_eq!(folder(&["--demo"]), None);
        assert_eq!(folder(&["--demo", "--data-dir", "here"]), Some("here".into()));
    }

    #[test]
    fn inboxes_have_bounds() {
        let entries = |args: &[&str]| settings(args, &[("JWT_SECRET", SECRET)]).unwrap().inbox_entries;
        assert_eq!(entries(&[]), 100);
        assert_eq!(entries(&["--inbox-entries", "10000"]), 10_000);
        for bad in ["0", "10001", "many"] {
            assert!(Args::try_parse_from(["nexus-server", "--inbox-entries", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn refusals_are_injected_into_demos_only() {
        assert_eq!(settings(&["--demo", "--inject-refusals", "20"], &[]).unwrap().inject_refusals, 20);
        let error = settings(&["--inject-refusals", "1"], &[("JWT_SECRET", SECRET)]).unwrap_err();
        assert_eq!(error, ConfigError::InjectWithoutDemo);
        assert!(Args::try_parse_from(["nexus-server", "--inject-refusals", "101"]).is_err());
    }

    #[test]
    fn the_mirror_is_on_unless_turned_off() {
        let mirror = |args: &[&str]| settings(args, &[("JWT_SECRET", SECRET)]).unwrap().mirror_messages;
        assert!(mirror(&[]) && mirror(&["--mirror-messages=true"]));
        assert!(
            !mirror(&["--no-mirror"]) && !mirror(&["--mirror-messages=false"]) && !mirror(&["--mirror-messages=0"])
        );
        assert!(!mirror(&["--no-mirror", "--mirror-messages=true"]));
        assert!(Args::try_parse_from(["nexus-server", "--mirror-messages=perhaps"]).is_err());
    }

    #[test]
    fn variables_without_effect_are_refused_all_at_once() {
        for (name, _) in NOT_YET {
            let error = settings(&["--demo"], &[(name, "x")]).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert!(settings(&["--demo"], &[(name, "")]).is_ok(), "an empty {name} is unset");
        }
        let both = settings(&[], &[("REDIS_URL", "x"), ("TLS_KEY", "y")]).unwrap_err().to_string();
        assert!(both.contains("REDIS_URL") && both.contains("TLS_KEY"), "{both}");
    }

    #[test]
    fn origins_are_written_as_browsers_do() {
        let parse = AllowedOrigins::parse;
        assert_eq!(parse(""), Ok(AllowedOrigins::Unset));
        assert_eq!(parse(" * "), Ok(AllowedOrigins::Any));
        let two = vec!["http://localhost:3001".to_owned(), "https://yourdomain.com".to_owned()];
        assert_eq!(parse("http://localhost:3001, https://YourDomain.com/"), Ok(AllowedOrigins::List(two)));
        for bad in ["example.com", "https://", "https://a/b", "https://*.a", "ftp://a", "https://a b", "*,https://a"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_shows_the_secret() {
        let settings = settings(&[], &[("JWT_SECRET", SECRET)]).unwrap();
        assert!(!format!("{settings:?}").contains(SECRET));
    }
}
