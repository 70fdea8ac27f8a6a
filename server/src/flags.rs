//! The command line: every flag with its environment variable, its default and its help text.
//!
//! The doc comments of this file are the text of `--help`.

mod values;

use clap::builder::RangedU64ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser};
use valthree::store::s3::Style;

use self::values::{LOG_FILTER, bytes, endpoint, log_filter, positive_bytes};
pub use self::values::{ListenAddress, StoreLocation};

/// A Valkey- and Redis-compatible database that keeps all its data in object storage.
///
/// The server has no state of its own: all data is in its store, a bucket or a folder. Start any number of servers on
/// one store. Each server serves every command, and together they behave like one server. Every acknowledged write is
/// in the store, so you can stop or kill any server at any time.
///
/// SIGTERM and SIGINT stop the server: it accepts no new connections, answers the commands under way, and exits. A
/// second signal stops it at once.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_long_help = EXIT_STATUS, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(flatten)]
    pub flags: Flags,

    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,
}

/// What to do instead of serving.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Print a database as lines of JSON, or print one of its objects as text
    ///
    /// Servers may keep running meanwhile. Bytes that are not UTF-8 appear in base64, as they are stored.
    Inspect {
        #[command(flatten)]
        store: StoreFlags,

        /// The object: db.json, or a run that db.json names [default: all keys of the database]
        object: Option<String>,
    },
    /// Read a whole database and report any damage
    ///
    /// Servers may keep running meanwhile. The command changes nothing and needs no right to write.
    Verify {
        #[command(flatten)]
        store: StoreFlags,
    },
    /// Follow a live database and print each commit as a line of JSON
    ///
    /// A line holds the generation, the server that made the commit, and every row that it changed; null is a removal.
    /// Values of any length are printed. Where commits could not be read, because servers had already made them part of
    /// a run, a line says which. The command changes nothing and needs no right to write. It ends on SIGINT, or when
    /// its reader has gone.
    Tail {
        #[command(flatten)]
        store: StoreFlags,

        /// The first generation to print, as far as it is still there [default: only new commits]
        #[arg(long, value_name = "GENERATION")]
        from: Option<u64>,
    },
    /// Mend a database while no server runs
    Repair {
        #[command(flatten)]
        store: StoreFlags,

        /// Take the stored time back to the present, if a wrong clock has moved it ahead
        ///
        /// Keys and fields that have expired by the wrong time are removed first, so that none of them comes back. Stop all
        /// servers before: a server that runs on takes the repaired database for damaged.
        #[arg(long, required = true)]
        now: bool,
    },
}

impl Subcommand {
    /// The store that it works on.
    pub fn store(&self) -> &StoreFlags {
        match self {
            Subcommand::Inspect { store, .. }
            | Subcommand::Verify { store }
            | Subcommand::Tail { store, .. }
            | Subcommand::Repair { store, .. } => store,
        }
    }
}

/// The flags of the server.
#[derive(Debug, clap::Args)]
pub struct Flags {
    /// The address to listen on: HOST:PORT, or a port alone, which means 127.0.0.1
    ///
    /// An IPv6 address needs brackets, such as [::1]:6379. Port 0 takes any free port, and the log says which.
    #[arg(long, env = "VALTHREE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:6379")]
    pub listen: ListenAddress,

    #[command(flatten)]
    pub store: StoreFlags,

    /// How long a command may take, in milliseconds; then the server answers TRYAGAIN or UNCERTAIN
    ///
    /// Keep it below the time-out of your clients. A client that times out first drops its connection, and many clients
    /// then send the command again, although the server may have executed it.
    #[arg(
        long,
        env = "VALTHREE_DEADLINE_MS",
        value_name = "MS",
        default_value_t = 1900,
        value_parser = clap::value_parser!(u64).range(1..=3_600_000)
    )]
    pub deadline_ms: u64,

    /// The most connections that the server serves at the same time; it rejects any further one
    #[arg(
        long,
        env = "VALTHREE_MAX_CLIENTS",
        value_name = "N",
        default_value_t = 10_000,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000)
    )]
    pub max_clients: usize,

    /// The largest size of the database: bytes, or a number with a suffix such as 100mb; 0 means no limit
    ///
    /// The size counts keys, values, and 96 bytes for each entry. The server holds the whole database in memory, and up
    /// to twice as much while it merges. While the database is larger, the server still reads and deletes, but answers
    /// commands that may let it grow with OOM. The limit holds for this server only: others may have another one.
    #[arg(long, env = "VALTHREE_MAX_MEMORY", value_name = "BYTES", default_value = "1gb", value_parser = bytes)]
    pub max_memory: u64,

    /// The most memory for all clients together: their unfinished and unanswered requests, and their unread replies
    ///
    /// Beyond this limit the server reads only small requests. It then closes a connection that holds more than a small
    /// request and for 5 seconds neither sends nor receives a byte.
    #[arg(
        long,
        env = "VALTHREE_MAX_CLIENTS_MEMORY",
        value_name = "BYTES",
        default_value = "256mb",
        value_parser = positive_bytes
    )]
    pub max_clients_memory: usize,

    /// The longest value, key or other word of a request
    #[arg(long, env = "VALTHREE_MAX_VALUE", value_name = "BYTES", default_value = "16mb", value_parser = positive_bytes)]
    pub max_value: usize,

    /// The largest request: the bytes of its words, and 32 bytes for each word
    ///
    /// It has to be less than --max-clients-memory.
    #[arg(
        long,
        env = "VALTHREE_MAX_REQUEST",
        value_name = "BYTES",
        default_value = "64mb",
        value_parser = positive_bytes
    )]
    pub max_request: usize,

    /// Allow the command DEBUG
    ///
    /// It is for tests: some of its tools stop the server for a while, or read the whole database.
    #[arg(
        long,
        env = "VALTHREE_DEBUG_COMMANDS",
        value_name = "true|false",
        default_value = "false",
        action = clap::ArgAction::Set
    )]
    pub debug_commands: bool,

    /// Create the bucket if it is missing, on a store other than AWS
    ///
    /// It is for trying things out. A server cannot tell a bucket that was never there from one that has vanished while
    /// other servers hold its database, and an empty bucket in its place makes the loss final: this server then serves an
    /// empty database, and the others refuse every command, since their database has disappeared. A server that has seen
    /// the bucket does not create it again until it is restarted.
    #[arg(
        long,
        env = "VALTHREE_CREATE_BUCKET",
        value_name = "true|false",
        default_value = "false",
        action = clap::ArgAction::Set
    )]
    pub create_bucket: bool,

    /// The number of threads that serve connections [default: one for each core]
    #[arg(long, env = "VALTHREE_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    #[command(flatten)]
    pub log: LogFlags,
}

/// What the log contains, and its form.
#[derive(Debug, clap::Args)]
pub struct LogFlags {
    /// What the server logs on stderr: a level, or a level and exceptions such as `info,valthree::commit=trace`
    ///
    /// The levels are off, error, warn, info, debug and trace.
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = LOG_FILTER, value_parser = log_filter)]
    pub log_filter: String,

    /// The form of the log
    #[arg(long, env = "VALTHREE_LOG", value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    pub log: LogForm,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum LogForm {
    /// Lines for people
    Text,
    /// One JSON object per line
    Json,
}

/// Which store holds the database.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreFlags {
    /// The bucket or folder that holds the database: s3://BUCKET, s3://BUCKET/PREFIX, or a path
    ///
    /// For a bucket, Valthree takes credentials, region and profile from the usual AWS environment variables and files,
    /// or from the role of the machine. A server creates a folder that does not exist, and a bucket with --create-bucket.
    /// Several servers on one machine may share a folder. The folder has to be on a local file system, because the
    /// servers rely on its locks.
    #[arg(long, env = "VALTHREE_STORE", value_name = "STORE", default_value = "./valthree-data")]
    pub store: StoreLocation,

    /// The URL of an S3 server other than AWS, such as http://127.0.0.1:9000 [default: AWS_ENDPOINT_URL_S3]
    ///
    /// Valthree then needs no region.
    #[arg(long, env = "VALTHREE_S3_ENDPOINT", value_name = "URL", value_parser = endpoint)]
    pub s3_endpoint: Option<String>,

    /// Where a request names the bucket: in the path of the URL, or in the name of the host
    #[arg(long, env = "VALTHREE_S3_STYLE", value_name = "STYLE", value_enum, default_value_t = S3Style::Auto)]
    pub s3_style: S3Style,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum S3Style {
    /// In the path if there is an endpoint, in the host otherwise
    Auto,
    /// https://endpoint/bucket/object
    Path,
    /// https://bucket.endpoint/object
    Host,
}

impl From<S3Style> for Style {
    fn from(style: S3Style) -> Style {
        match style {
            S3Style::Auto => Style::Auto,
            S3Style::Path => Style::Path,
            S3Style::Host => Style::Host,
        }
    }
}

const EXIT_STATUS: &str = "\
Exit status:
  0  a signal stopped the server, and it answered every client
  1  the server could not start, the database is unreadable or damaged, or a second signal came
  2  a flag or an environment variable is wrong";

impl Arguments {
    /// Reads the command line and the environment. If they are wrong, or ask for help, it prints the text and exits.
    pub fn read() -> Arguments {
        let read = Arguments::try_parse().map_err(name_the_variable);
        read.and_then(Arguments::checked).unwrap_or_else(|error| error.exit())
    }

    /// Refuses flags that contradict each other.
    fn checked(self) -> Result<Arguments, clap::Error> {
        let conflict = |message| Err(Arguments::command().error(ErrorKind::ArgumentConflict, message));
        let store = match &self.subcommand {
            None => &self.flags.store,
            Some(subcommand) => subcommand.store(),
        };
        if let StoreLocation::Folder(folder) = &store.store
            && store.s3_endpoint.is_some()
        {
            let folder = folder.display();
            return conflict(format!(
                "--s3-endpoint (VALTHREE_S3_ENDPOINT) needs a bucket, such as --store s3://BUCKET; the store is the folder {folder}"
            ));
        }
        if self.subcommand.is_none() && self.flags.max_request >= self.flags.max_clients_memory {
            return conflict("--max-request has to be less than --max-clients-memory".to_owned());
        }
        Ok(self)
    }
}

/// Names the environment variable in an error about its value. Clap names only the flag, which the user did not type.
fn name_the_variable(mut error: clap::Error) -> clap::Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(flag), Some(value)) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue)) else {
        return error;
    };
    let mut command = Arguments::command();
    command.build(); // an argument has a printed form only then
    let variable = command.get_arguments().find(|argument| argument.to_string() == flag).and_then(|it| it.get_env());
    let Some(variable) = variable else { return error };
    let is_set = std::env::var_os(variable).is_some_and(|set| set == *value);
    let is_typed = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).any(|word| {
        let inline = word.split_once('=').map(|(_, typed)| typed);
        word == value || inline == Some(value.as_str())
    });
    if is_set && !is_typed {
        let named = format!("the environment variable {}", variable.display());
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    error
}
