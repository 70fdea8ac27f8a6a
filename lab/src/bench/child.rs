//! Processes that the benchmark starts, and that end with it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use super::load::Connection;
use super::run::median;
use super::store::Database;
use super::words::Reply;

/// How long a process may take until it serves.
const START: Duration = Duration::from_secs(60);

/// The pause between two looks at something that will happen soon.
const LOOK: Duration = Duration::from_millis(1);

/// A server.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts one of Valthree on a database, and waits until it serves.
    pub async fn start(database: &Database) -> anyhow::Result<Server> {
        let server = Server::launch(database, "server").await?;
        server.wait_for(b"*1\r\n$4\r\nPING\r\n", |reply| matches!(reply, Reply::Status(_))).await?;
        Ok(server)
    }

    /// Starts one of the naive algorithm.
    pub async fn naive(database: &Database) -> anyhow::Result<Server> {
        Server::launch(database, "naive").await
    }

    /// Starts one, and only waits until it listens.
    pub async fn launch(database: &Database, role: &str) -> anyhow::Result<Server> {
        let (child, mut lines) = start(database, role, Stdio::null())?;
        let line = timeout(START, lines.next_line()).await.context("a server does not start")??;
        let address = line.and_then(|line| line.parse().ok()).with_context(|| format!("the {role} did not start"))?;
        Ok(Server { child, address })
    }

    /// Debian's redis-server, or any other that is called so, with its files in this folder: each command is answered
    /// when it is on the disk. `None` if there is none.
    pub async fn redis(folder: &Path) -> anyhow::Result<Option<Server>> {
        // It takes no port 0 for a free one, so one is found for it.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--maxclients", "5000"]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let child = match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            child => child.context("redis-server cannot be started")?,
        };
        let server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        server.wait_for(b"*1\r\n$4\r\nPING\r\n", |reply| matches!(reply, Reply::Status(_))).await?;
        Ok(Some(server))
    }

    /// Asks again and again until the answer is this, and says when it was.
    pub async fn wait_for(&self, command: &[u8], is_it: impl Fn(&Reply) -> bool) -> anyhow::Result<Instant> {
        let began = Instant::now();
        let mut last = String::new();
        while began.elapsed() < START {
            match self.ask(command).await {
                Ok(reply) if is_it(&reply) => return Ok(Instant::now()),
                Ok(reply) => last = format!("{reply:?}"),
                Err(error) => last = format!("{error:#}"),
            }
            sleep(LOOK).await;
        }
        bail!("a server does not serve after {START:?}: {last}")
    }

    async fn ask(&self, command: &[u8]) -> anyhow::Result<Reply> {
        let mut replies = Connection::open(self.address).await?.ask(command, 1).await?;
        replies.pop().context("one reply was taken")
    }

    /// How much of its memory is resident, in bytes.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("not Linux")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// How long it has kept a core busy so far, in seconds.
    pub fn busy(&self) -> anyhow::Result<f64> {
        let id = self.child.id().context("the server has ended")?;
        let mut nanos = 0.0;
        for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
            // A thread that has ended meanwhile has done little.
            let Ok(times) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanos += times.split(' ').next().and_then(|busy| busy.parse::<f64>().ok()).context("not Linux")?;
        }
        Ok(nanos / 1e9)
    }

    /// kill -9.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// One that measures the store by itself.
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

    /// The median of so many conditional PUTs of this size, in seconds, one after the other.
    pub async fn put(&mut self, times: usize, size: u64) -> anyhow::Result<f64> {
        self.ask(&format!("put {times} {size}\n")).await
    }

    /// The same of GETs that are answered with 304.
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
    // They are for the benchmark itself.
    command.env_remove("VALTHREE_LAB_BENCH_S3").env_remove("VALTHREE_LAB_BENCH_S3_ENDPOINT");
    command.envs(database.credentials.iter().cloned());
    command.stdin(input).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("the {role} cannot be started"))?;
    let lines = BufReader::new(child.stdout.take().context("its stdout is a pipe")?).lines();
    Ok((child, lines))
}
