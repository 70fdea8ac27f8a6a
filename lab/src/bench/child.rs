//! The processes of the benchmark: servers and the probe. They end with it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use super::backend::Database;
use super::console::Console;
use super::run::median;
use super::words::ServerReply;

/// How long a process may take until it serves.
const START: Duration = Duration::from_secs(60);

/// The pause between two tries of a command that will soon succeed.
const RETRY: Duration = Duration::from_millis(1);

/// The PING of every client.
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// The variable that names a valkey-server which is not in the PATH.
const VALKEY: &str = "VALTHREE_BENCH_VALKEY";

/// A server of Valkey, or of Redis where there is none.
pub struct Yardstick {
    pub server: ServerProcess,
    /// The name of its program.
    pub name: String,
}

/// A server as a process.
pub struct ServerProcess {
    child: Child,
    pub address: SocketAddr,
}

impl ServerProcess {
    /// Starts a Valthree server on a database and waits until it serves.
    pub async fn start(database: &Database) -> anyhow::Result<ServerProcess> {
        let server = ServerProcess::launch(database, "server").await?;
        server.wait_for(PING, |reply| matches!(reply, ServerReply::Status(_))).await?;
        Ok(server)
    }

    /// Starts a server of the naive algorithm.
    pub async fn naive(database: &Database) -> anyhow::Result<ServerProcess> {
        ServerProcess::launch(database, "naive").await
    }

    /// Starts a server and waits only until it listens.
    pub async fn launch(database: &Database, role: &str) -> anyhow::Result<ServerProcess> {
        let (child, mut lines) = start(database, role, Stdio::null())?;
        let line = timeout(START, lines.next_line()).await.context("the server does not start")??;
        let address = line.and_then(|line| line.parse().ok()).with_context(|| format!("the {role} did not start"))?;
        Ok(ServerProcess { child, address })
    }

    /// Starts redis-server with its files in this folder. It answers a command once the disk has it. `None` if the
    /// machine has no redis-server.
    pub async fn redis(folder: &Path) -> anyhow::Result<Option<ServerProcess>> {
        let folder = folder.to_str().context("the folder's name is not text")?;
        let flags = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", folder];
        ServerProcess::yardstick(Path::new("redis-server"), &flags).await
    }

    /// Starts valkey-server without a disk, or redis-server if the machine has no valkey-server. `None` if it has neither.
    pub async fn in_memory() -> anyhow::Result<Option<Yardstick>> {
        ServerProcess::valkey(&["--save", "", "--appendonly", "no"]).await
    }

    /// The same, but it answers a command once the disk has it. Its files are in this folder.
    pub async fn durable(folder: &Path) -> anyhow::Result<Option<Yardstick>> {
        let folder = folder.to_str().context("the folder's name is not text")?;
        let flags = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", folder];
        ServerProcess::valkey(&flags).await
    }

    async fn valkey(flags: &[&str]) -> anyhow::Result<Option<Yardstick>> {
        let named = std::env::var_os(VALKEY).map(PathBuf::from);
        let candidates = named.into_iter().chain(["valkey-server", "redis-server"].map(PathBuf::from));
        for program in candidates {
            let Some(server) = ServerProcess::yardstick(&program, flags).await? else { continue };
            let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(Some(Yardstick { server, name }));
        }
        Ok(None)
    }

    /// Starts a server of Valkey or Redis on a free port. `None` if there is no such program.
    async fn yardstick(program: &Path, flags: &[&str]) -> anyhow::Result<Option<ServerProcess>> {
        // The program does not choose a free port itself: to it, port 0 means none.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--maxclients", "5000"]).args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let child = match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            child => child.with_context(|| format!("{} cannot be started", program.display()))?,
        };
        let server = ServerProcess { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        server.wait_for(PING, |reply| matches!(reply, ServerReply::Status(_))).await?;
        Ok(Some(server))
    }

    /// Repeats a command until its reply is the wanted one, and returns when that was.
    pub async fn wait_for(&self, command: &[u8], is_wanted: impl Fn(&ServerReply) -> bool) -> anyhow::Result<Instant> {
        let began = Instant::now();
        let mut last = String::new();
        while began.elapsed() < START {
            match self.ask(command).await {
                Ok(reply) if is_wanted(&reply) => return Ok(Instant::now()),
                Ok(reply) => last = format!("{reply:?}"),
                Err(error) => last = format!("{error:#}"),
            }
            sleep(RETRY).await;
        }
        bail!("the server does not serve after {START:?}: {last}")
    }

    async fn ask(&self, command: &[u8]) -> anyhow::Result<ServerReply> {
        Console::open(self.address).await?.ask_one(command).await
    }

    /// Its resident memory in bytes, when it has rested for so long.
    pub async fn resident(&self, rest: Duration) -> anyhow::Result<u64> {
        sleep(rest).await;
        let id = self.child.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("not Linux")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// Its CPU time so far, in seconds.
    pub fn busy(&self) -> anyhow::Result<f64> {
        let id = self.child.id().context("the server has ended")?;
        let mut nanos = 0.0;
        for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
            // A thread may end between the two reads.
            let Ok(times) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanos += times.split(' ').next().and_then(|busy| busy.parse::<f64>().ok()).context("not Linux")?;
        }
        Ok(nanos / 1e9)
    }

    /// Ends the process with SIGKILL.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// A process that sends requests to the store directly and measures them.
pub struct Probe {
    _child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Probe {
    pub async fn start(database: &Database) -> anyhow::Result<Probe> {
        let (mut child, mut answers) = start(database, "probe", Stdio::piped())?;
        let questions = child.stdin.take().context("its stdin is a pipe")?;
        answers.next_line().await?.context("the probe did not start")?;
        Ok(Probe { _child: child, questions, answers })
    }

    /// The median latency, in seconds, of conditional PUTs of this size, one after the other.
    pub async fn put(&mut self, times: usize, size: u64) -> anyhow::Result<f64> {
        self.ask(&format!("put {times} {size}\n")).await
    }

    /// The median latency, in seconds, of GETs that the store answers with 304.
    pub async fn unchanged(&mut self, times: usize) -> anyhow::Result<f64> {
        self.ask(&format!("get {times} 1000\n")).await
    }

    async fn ask(&mut self, question: &str) -> anyhow::Result<f64> {
        self.questions.write_all(question.as_bytes()).await?;
        let line = timeout(START, self.answers.next_line()).await.context("the store does not answer")??;
        let line = line.context("the probe has ended: see its error above")?;
        let micros: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        median(micros).map(|micros| micros / 1e6).context("nothing was measured")
    }
}

fn start(database: &Database, role: &str, input: Stdio) -> anyhow::Result<(Child, Lines<BufReader<ChildStdout>>)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).arg(&database.address).args(&database.endpoint);
    // These are flags of the benchmark itself, not of its children.
    command.env_remove("VALTHREE_LAB_BENCH_S3").env_remove("VALTHREE_LAB_BENCH_S3_ENDPOINT");
    command.envs(database.variables.iter().cloned());
    command.stdin(input).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("the {role} cannot be started"))?;
    let lines = BufReader::new(child.stdout.take().context("its stdout is a pipe")?).lines();
    Ok((child, lines))
}
