//! Buckets for tests: on the lab's stand-in for S3, or on a real server.

#![allow(dead_code, reason = "each test file uses its part of this")]

use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use rand::rngs::{StdRng, SysRng};
use rand::{RngExt as _, SeedableRng as _, TryRng as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use valthree::store::s3::{Address, S3, Style, Timeouts};
use valthree_lab::s3::{Answer, Asked, Fate, Keys, RequestKind, Stand, Tear, serve};

/// The variable with the URL of a real server. Its credentials are in those of AWS.
const REAL: &str = "VALTHREE_TEST_S3";

const NAME: &str = "valthree-test";
const REGION: &str = "us-east-1";
const KEY: &str = "key";
const SECRET: &str = "secret";

/// An empty prefix of a bucket. Clones share it, and the last of them stops the stand-in.
#[derive(Clone)]
pub struct Bucket {
    /// Where the server listens.
    pub url: String,
    /// The value of `--store`.
    pub place: String,
    stand_in: Option<Arc<StandIn>>,
}

/// A running stand-in with threads of its own.
struct StandIn {
    runtime: Runtime,
}

impl Bucket {
    /// On a stand-in of its own. The bucket does not exist yet.
    pub fn on_a_stand_in() -> Bucket {
        Bucket::on_a_stand_in_with(|_| Fate::HONEST)
    }

    /// On a stand-in that lies about a tenth of what it is asked to read: its answers are torn in both directions, or say
    /// that there is no such object.
    pub fn on_a_lying_stand_in() -> Bucket {
        let mut rng = StdRng::seed_from_u64(1);
        Bucket::on_a_stand_in_with(move |asked| match rng.random_range(0..30) {
            _ if asked.kind != RequestKind::Get => Fate::HONEST,
            0 => Fate::performed(Answer::Torn(Tear::NewBody)),
            1 => Fate::performed(Answer::Torn(Tear::OldBody)),
            2 => Fate::refused(Answer::NO_SUCH_KEY),
            _ => Fate::HONEST,
        })
    }

    fn on_a_stand_in_with(decide: impl FnMut(&Asked) -> Fate + Send + 'static) -> Bucket {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let keys = Keys { access_key: KEY.to_owned(), secret_key: SECRET.to_owned() };
        #[expect(clippy::disallowed_methods, reason = "a server that is another process signs by the machine's clock")]
        let started = SystemTime::now();
        let config =
            valthree_lab::s3::Config { keys: Some(keys), region: REGION.to_owned(), buckets: Vec::new(), started };
        let stand = Stand::new(config);
        stand.decide(decide);
        runtime.spawn(serve(listener, stand, std::future::pending()));
        Bucket { url, place: place(), stand_in: Some(Arc::new(StandIn { runtime })) }
    }

    /// On the real server that the environment names, if any.
    pub fn on_a_real_server() -> Option<Bucket> {
        let url = std::env::var(REAL).ok().filter(|url| !url.is_empty())?;
        Some(Bucket { url, place: place(), stand_in: None })
    }

    /// On a real server if there is one, and on a stand-in otherwise.
    pub fn on_the_best_server() -> Bucket {
        Bucket::on_a_real_server().unwrap_or_else(Bucket::on_a_stand_in)
    }

    /// A new store on this prefix.
    pub async fn store(&self) -> S3 {
        let address: Address = self.place.parse().expect("the place is an address");
        let url = Some(self.url.clone());
        if self.stand_in.is_none() {
            return S3::open(&address, url, Style::Auto).await.expect("the environment says how to reach it");
        }
        S3::new(self.config(), &address, url, Timeouts::default())
    }

    /// How to reach the stand-in.
    fn config(&self) -> Config {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&self.url)
            .force_path_style(true)
            .credentials_provider(Credentials::new(KEY, SECRET, None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        config.build()
    }

    /// Removes the bucket of a stand-in, and everything in it.
    pub fn vanish(&self) {
        let client = Client::from_conf(self.config());
        self.wait_for(async move {
            // A server may write a last object of its start meanwhile.
            while client.delete_bucket().bucket(NAME).send().await.is_err() {
                let listed = client.list_objects_v2().bucket(NAME).send().await.expect("it is there");
                for key in listed.contents().iter().filter_map(|object| object.key()) {
                    client.delete_object().bucket(NAME).key(key).send().await.expect("it is there");
                }
            }
        });
    }

    /// Whether a stand-in has the bucket.
    pub fn exists(&self) -> bool {
        let client = Client::from_conf(self.config());
        self.wait_for(async move { client.head_bucket().bucket(NAME).send().await.is_ok() })
    }

    fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.stand_in.as_ref().expect("only a stand-in").runtime.block_on(work)
    }

    /// Makes a server of ours keep its database here.
    pub fn arguments<'a>(&self, server: &'a mut Command) -> &'a mut Command {
        let server = server.args(["--store", &self.place, "--s3-endpoint", &self.url]);
        self.credentials(server.env("VALTHREE_CREATE_BUCKET", "true"))
    }

    /// Gives a server of ours the credentials of the bucket.
    pub fn credentials<'a>(&self, server: &'a mut Command) -> &'a mut Command {
        if self.stand_in.is_some() {
            let keys = [("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
            server.envs(keys).env_remove("AWS_SESSION_TOKEN").env_remove("AWS_PROFILE");
        }
        server
    }
}

/// A prefix that no other test uses, not even in an earlier run.
fn place() -> String {
    let mut random = [0; 8];
    SysRng.try_fill_bytes(&mut random).expect("the system gives random numbers");
    format!("s3://{NAME}/{:016x}", u64::from_ne_bytes(random))
}
