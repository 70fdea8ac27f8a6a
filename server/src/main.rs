//! The server binary: flags in, exit status out.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

#[cfg(all(target_os = "linux", feature = "coverage"))]
use antithesis_instrumentation as _; // linked for what it does when the program is loaded
use anyhow::Context as _;
use clap::Parser;
use clap::builder::RangedU64ValueParser;
use rand::TryRng as _;
use rand::rngs::SysRng;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use valthree::inspect::{self, Report};
use valthree::resp::Limits;
use valthree::server::Config;
use valthree::shared::{Settings, Thresholds};
use valthree::store::Store;
use valthree::store::directory::Directory;
use valthree::store::s3::{Address, S3, Style};

/// A Valkey- and Redis-compatible database without state of its own.
///
/// Everything it knows is in its store. Start as many servers on one store as you like: each of them serves every
/// command, all of them together behave as one, and a write that was answered is in the store. Stop or kill them as you
/// like, too.
///
/// SIGTERM and SIGINT stop it: it takes no new connections, answers what is under way, and exits. A second signal stops it
/// at once.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_long_help = EXIT_STATUS, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,

    #[command(subcommand)]
    task: Option<Task>,
}

/// What to do instead of serving.
#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Show a database as lines of JSON, or one of its objects as text
    ///
    /// Servers may go on meanwhile. Bytes that are not text are shown in base64, as they are stored.
    Inspect {
        #[command(flatten)]
        store: StoreFlags,

        /// The object, such as db.json, or a run that it names [default: all entries of the database]
        object: Option<String>,
    },
    /// Read a whole database and say whether anything is wrong with it
    Verify {
        #[command(flatten)]
        store: StoreFlags,
    },
}

#[derive(Debug, clap::Args)]
struct Flags {
    /// Where to listen: an IP address and a port. Port 0 takes a free one; the log says which
    #[arg(long, env = "VALTHREE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:6379")]
    listen: SocketAddr,

    #[command(flatten)]
    store: StoreFlags,

    /// How long a command may take before its client is told TRYAGAIN or UNCERTAIN, in milliseconds
    ///
    /// Keep it below the clients' own time-out: a client that gives up by itself drops its connection, and many then
    /// send the command again although it may have been executed.
    #[arg(
        long,
        env = "VALTHREE_DEADLINE_MS",
        value_name = "MS",
        default_value_t = 1900,
        value_parser = clap::value_parser!(u64).range(1..=3_600_000)
    )]
    deadline_ms: u64,

    /// Connections that are served at the same time; one more is turned away
    #[arg(
        long,
        env = "VALTHREE_MAX_CLIENTS",
        value_name = "N",
        default_value_t = 10_000,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000)
    )]
    max_clients: usize,

    /// How large the database may become: bytes, or with a suffix such as 100mb; 0 means any size
    ///
    /// Counted are keys, values, and 96 bytes for each entry. A server holds all of them in memory, and up to twice as much
    /// while it merges. A larger database is served, but SET and MSET are
    /// answered with OOM until it is smaller. This is a limit of this server: others may have another.
    #[arg(long, env = "VALTHREE_MAX_MEMORY", value_name = "BYTES", default_value = "1gb", value_parser = bytes)]
    max_memory: u64,

    /// What all clients together may make the server hold: requests that are unfinished or unanswered, and replies that
    /// they do not take
    ///
    /// Beyond it only small requests are read, and who holds more without sending or taking a byte is closed after 5 s.
    #[arg(
        long,
        env = "VALTHREE_MAX_CLIENTS_MEMORY",
        value_name = "BYTES",
        default_value = "256mb",
        value_parser = bytes_but_not_none
    )]
    max_clients_memory: usize,

    /// The longest value, key or other word of a request
    #[arg(long, env = "VALTHREE_MAX_VALUE", value_name = "BYTES", default_value = "16mb", value_parser = bytes_but_not_none)]
    max_value: usize,

    /// The largest request: its words, and 32 bytes for each of them
    #[arg(long, env = "VALTHREE_MAX_REQUEST", value_name = "BYTES", default_value = "64mb", value_parser = bytes_but_not_none)]
    max_request: usize,

    /// Threads that serve connections [default: one for each core]
    #[arg(long, env = "VALTHREE_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// What the log on stderr contains, such as `debug` or `valthree=trace`
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = LOG_FILTER, value_parser = log_filter)]
    log_filter: String,

    /// The form of the log
    #[arg(long, env = "VALTHREE_LOG", value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    log: LogForm,
}

/// Where the database is.
#[derive(Clone, Debug, clap::Args)]
struct StoreFlags {
    /// The bucket or the folder that holds the database: s3://BUCKET, s3://BUCKET/PREFIX, or a path
    ///
    /// A bucket is reached with the credentials, the region and the profile that the usual environment variables and
    /// files of AWS name, or with those of the machine's role. A server creates it if it is not there and the
    /// credentials allow that. So it does with a folder; several servers on one machine may share one, but it has to be
    /// on a local file system, whose locks they rely on.
    #[arg(long, env = "VALTHREE_STORE", value_name = "PLACE", default_value = "./valthree-data")]
    store: Place,

    /// The S3 server, such as http://127.0.0.1:9000, if it is not AWS [default: what AWS_ENDPOINT_URL_S3 says]
    ///
    /// The region then need not be set.
    #[arg(long, env = "VALTHREE_S3_ENDPOINT", value_name = "URL", value_parser = endpoint)]
    s3_endpoint: Option<String>,

    /// Where requests name the bucket: in the path of the URL, or in the name of the host
    #[arg(long, env = "VALTHREE_S3_STYLE", value_name = "STYLE", value_enum, default_value_t = S3Style::Auto)]
    s3_style: S3Style,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(PathBuf),
    Bucket(Address),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        if Address::is_meant_by(text) { text.parse().map(Place::Bucket) } else { Ok(Place::Folder(text.into())) }
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let known = rest.is_some_and(|host| !host.is_empty());
    if known { Ok(text.to_owned()) } else { Err("a URL begins with http:// or https://".into()) }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum S3Style {
    /// In the path if an endpoint is given, in the host otherwise
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

/// Files that may be open besides those of the clients: the store's, the log, and some connections that are being turned
/// away.
const OTHER_FILES: usize = 64;

/// What the SDK warns of at each request, the server says once, and in fewer words.
const LOG_FILTER: &str = "info,aws_config=error,aws_smithy_http_client=error";

const EXIT_STATUS: &str = "\
Exit status:
  0  stopped by a signal, everybody having been answered
  1  could not start, could not read its database or found something wrong, or was stopped by a second signal
  2  a flag or an environment variable makes no sense";

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogForm {
    /// For people
    Text,
    /// For machines: an object per line
    Json,
}

fn main() -> ExitCode {
    let Arguments { flags, task } = Arguments::parse();
    start_log(&flags);
    let ended = match task {
        None => run(flags),
        Some(task) => look(task),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // In one line and in the form of the log, for whoever collects it.
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Flags) -> anyhow::Result<()> {
    antithesis_sdk::antithesis_init();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = flags.threads.map_or(cores, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let served = runtime.block_on(start(flags, threads));
    // A request to the store that nobody waits for must not keep the process.
    runtime.shutdown_background();
    served
}

async fn start(flags: Flags, threads: usize) -> anyhow::Result<()> {
    anyhow::ensure!(
        flags.max_request < flags.max_clients_memory,
        "--max-request has to be less than --max-clients-memory, or the largest requests could never be taken"
    );
    // Taken first: a signal during the start is not lost.
    let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopped = stop(terminate, interrupt);
    match &flags.store.store {
        Place::Folder(folder) => {
            let store = Directory::open(folder)?;
            serve(&flags, store, folder.display().to_string(), threads, stopped).await
        }
        Place::Bucket(address) => {
            let StoreFlags { s3_endpoint, s3_style, .. } = &flags.store;
            let store = S3::open(address, s3_endpoint.clone(), (*s3_style).into()).await?;
            serve(&flags, store, address.to_string(), threads, stopped).await
        }
    }
}

async fn serve<S: Store>(
    flags: &Flags,
    store: S,
    place: String,
    threads: usize,
    stopped: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(flags.listen).await.with_context(|| format!("cannot listen on {}", flags.listen))?;
    let address = listener.local_addr()?;
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).context("the system gives no random numbers")?;
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let started = SystemTime::now();
    let settings = Settings {
        bind: address.ip().to_string(),
        port: address.port(),
        store: place,
        deadline: Duration::from_millis(flags.deadline_ms),
        threads,
        max_clients: places(flags.max_clients),
        max_memory: (flags.max_memory > 0).then_some(flags.max_memory),
        max_clients_memory: flags.max_clients_memory,
        limits: Limits { bulk_bytes: flags.max_value, request_bytes: flags.max_request, ..Limits::default() },
        thresholds: Thresholds::default(),
    };
    tracing::info!(store = settings.store, threads, "listening on {address}");
    let config = Config { seed, started, settings };
    valthree::server::run(listener, store, config, stopped).await?;
    tracing::info!("stopped");
    Ok(())
}

/// As many connections as are wanted and the system has files for. It is asked for more if need be: a client for whom
/// there is no file could not even be told so.
fn places(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let files = |limit: Option<u64>| limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let needed = wanted + OTHER_FILES;
    let mut have = files(current);
    if have < needed {
        let raised = needed.min(files(maximum));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised as u64), maximum }).is_ok() {
            have = raised;
        }
    }
    let places = wanted.min(have.saturating_sub(OTHER_FILES).max(1));
    if places < wanted {
        tracing::warn!(wanted, places, "fewer clients than wanted: the system allows only {have} open files");
    }
    places
}

/// Does what is to be done instead of serving.
fn look(task: Task) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (Task::Inspect { store, .. } | Task::Verify { store }) = &task;
    let StoreFlags { store: place, s3_endpoint, s3_style } = store.clone();
    runtime.block_on(async {
        match place {
            // To look at a folder must not create it.
            Place::Folder(folder) => {
                anyhow::ensure!(folder.is_dir(), "{} is not a folder", folder.display());
                look_at(&Directory::open(folder)?, &task).await
            }
            Place::Bucket(address) => {
                let store = S3::open(&address, s3_endpoint, s3_style.into()).await?;
                look_at(&store.creating_nothing(), &task).await
            }
        }
    })
}

async fn look_at<S: Store>(store: &S, task: &Task) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match task {
        Task::Inspect { object, .. } => inspect::show(store, object.as_deref(), &mut out).await?,
        Task::Verify { .. } => {
            let Report { generation, keys, runs: (runs, bytes), unnamed } = inspect::verify(store).await?;
            writeln!(out, "generation {generation}: {keys} keys, and {runs} runs of {bytes} bytes; nothing is wrong")?;
            if unnamed > 0 {
                writeln!(out, "{unnamed} runs are not named: a server is about to, or they will be swept")?;
            }
        }
    }
    Ok(out.flush()?)
}

/// Waits for the first signal to stop; the second ends the process at once.
async fn stop(mut terminate: Signal, mut interrupt: Signal) {
    either(&mut terminate, &mut interrupt).await;
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("second signal: stopping at once");
        std::process::exit(1);
    });
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

fn start_log(flags: &Flags) {
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&flags.log_filter)).with_writer(std::io::stderr);
    match flags.log {
        LogForm::Text => log.with_target(false).with_ansi(std::io::stderr().is_terminal()).init(),
        LogForm::Json => log.json().init(),
    }
}

/// A number of bytes as Valkey writes it: `k` is a thousand and `kb` is 1024, and so on.
fn bytes(text: &str) -> Result<u64, String> {
    let letters = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(letters);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1000 * 1000,
        "mb" => 1 << 20,
        "g" => 1000 * 1000 * 1000,
        "gb" => 1 << 30,
        _ => return Err("a number of bytes may end with k, kb, m, mb, g or gb".into()),
    };
    let number: u64 = number.parse().map_err(|error| format!("{error}"))?;
    number.checked_mul(unit).ok_or_else(|| "too many bytes".into())
}

fn bytes_but_not_none(text: &str) -> Result<usize, String> {
    match usize::try_from(bytes(text)?) {
        Ok(0) => Err("it would allow nothing".into()),
        bytes => bytes.map_err(|error| error.to_string()),
    }
}

/// Makes sure that a filter can be understood. (A parsed one can't be copied, as a value of a flag has to be.)
fn log_filter(text: &str) -> Result<String, ParseError> {
    EnvFilter::try_new(text).map(|_| text.to_owned())
}
