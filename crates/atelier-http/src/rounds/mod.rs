//! Whoever asks without a pause while the machine works is answered in rounds, so that answering leaves the processors to the
//! work: what comes in within a moment waits for the end of the moment, and equal questions get one answer, which is found
//! after all of them were asked. Clients that pause on their connection do not wait.

mod answer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use self::answer::Answer;
use crate::answer::Failure;
use crate::security::Peer;

/// How long a round gathers questions.
const ROUND: Duration = Duration::from_millis(13);
/// Requests that are answered at once, such as those of opening some pages, and how many more a second.
const AT_ONCE: f64 = 200.0;
const MORE_PER_SEC: f64 = 10.0;

/// A client that has paused for so long is answered at once.
const PAUSE: Duration = Duration::from_millis(200);

/// The rounds of a server.
pub struct Rounds {
    state: Mutex<State>,
    works: Box<dyn Fn() -> bool + Send + Sync>,
    may_repeat: MayRepeat,
}

/// Whether an answer that was found for another request may be given to a further one, after so long.
type MayRepeat = Box<dyn Fn(&Response, Duration) -> bool + Send + Sync>;

/// In the extensions of a request: when it came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrived(pub std::time::Instant);

impl std::fmt::Debug for Rounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rounds").field(&self.state).finish()
    }
}

#[derive(Debug)]
struct State {
    /// Requests that may be answered at once.
    left: f64,
    counted: Instant,
    /// The newest round, as long as somebody waits for it.
    gathering: Weak<Round>,
}

/// Questions that are answered together.
#[derive(Debug)]
struct Round {
    end: Instant,
    questions: Mutex<HashMap<Vec<u8>, Arc<Question>>>,
}

/// The answer to a question; nothing where it is for one client alone.
type Question = OnceCell<Option<Answer>>;

/// The client of a connection: when it got its last answer.
#[derive(Debug, Default)]
pub struct Asker(Mutex<Option<Instant>>);

impl Asker {
    /// Whether it takes its time between its questions.
    fn has_paused(&self, now: Instant) -> bool {
        lock(&self.0).is_some_and(|last| now.saturating_duration_since(last) >= PAUSE)
    }
}

impl Rounds {
    /// Those of a machine of which it is known whether it works. `may_repeat` is asked before an answer is given to a further
    /// request, and after how long that is; a request that may not have it is answered by itself.
    pub fn new(
        works: impl Fn() -> bool + Send + Sync + 'static,
        may_repeat: impl Fn(&Response, Duration) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                left: AT_ONCE,
                counted: Instant::now(),
                gathering: Weak::new(),
            }),
            works: Box::new(works),
            may_repeat: Box::new(may_repeat),
        }
    }

    /// Answers a request of a client: at once, or in a round where the machine works.
    pub async fn answer<F: Future<Output = Response>>(
        &self,
        asker: &Asker,
        mut request: Request,
        answer: impl Fn(Request) -> F,
    ) -> Response {
        let start = Instant::now();
        request.extensions_mut().insert(Arrived(start.into_std()));
        let response = if asker.has_paused(start) {
            answer(request).await
        } else {
            self.answer_in_turn(start, request, answer).await
        };
        *lock(&asker.0) = Some(Instant::now());
        response
    }

    async fn answer_in_turn<F: Future<Output = Response>>(
        &self,
        start: Instant,
        request: Request,
        answer: impl Fn(Request) -> F,
    ) -> Response {
        let Some(round) = self.round(start) else {
            return answer(request).await;
        };
        let Some(question) = words_of(&request).map(|words| round.question(words)) else {
            sleep_until(round.end).await;
            return answer(request).await;
        };
        let (mut request, mut own) = (Some(request), None);
        // One waits for the end of the round, and the others for it.
        let first = async {
            sleep_until(round.end).await;
            // Nobody comes after the end; the round has the question too.
            let is_alone = Arc::strong_count(&question) <= 2;
            let response = answer(request.take()?).await;
            let (answer, response) = if is_alone {
                (None, response)
            } else {
                Answer::of(response).await
            };
            own = Some(response);
            answer
        };
        let answer_of_all = question.get_or_init(|| first).await;
        match (own, answer_of_all, request) {
            (Some(own), ..) => own,
            (None, Some(found), Some(request)) => {
                let response = found.response();
                if (self.may_repeat)(&response, start.elapsed()) {
                    response
                } else {
                    answer(request).await
                }
            }
            (None, None, Some(request)) => answer(request).await,
            (None, _, None) => Failure::internal("an answer got lost").into_response(),
        }
    }

    /// The round that a request belongs to, unless it is answered at once.
    fn round(&self, now: Instant) -> Option<Arc<Round>> {
        let mut state = lock(&self.state);
        let passed = now.saturating_duration_since(state.counted);
        state.left = (state.left + passed.as_secs_f64() * MORE_PER_SEC).min(AT_ONCE);
        state.counted = now;
        if state.left >= 1.0 {
            state.left -= 1.0;
            return None;
        }
        if !(self.works)() {
            return None;
        }
        // Nothing of a round is answered before its end, so whoever comes before it gets an answer that was found later.
        let gathering = state.gathering.upgrade().filter(|round| now < round.end);
        let round = gathering.unwrap_or_else(|| {
            Arc::new(Round {
                end: now + ROUND,
                questions: Mutex::default(),
            })
        });
        state.gathering = Arc::downgrade(&round);
        Some(round)
    }
}

impl Round {
    fn question(&self, words: Vec<u8>) -> Arc<Question> {
        Arc::clone(lock(&self.questions).entry(words).or_default())
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a request asks: who from where, for what, with every header. Nothing where it asks for more than an answer.
fn words_of(request: &Request) -> Option<Vec<u8>> {
    if request.method() != Method::GET || !request.body().is_end_stream() {
        return None;
    }
    let peer = request.extensions().get().map(|Peer(peer)| *peer);
    let mut words = format!("{peer:?} {:?} {}\n", request.version(), request.uri()).into_bytes();
    for (name, value) in request.headers() {
        words.extend_from_slice(name.as_str().as_bytes());
        words.push(b':');
        words.extend_from_slice(value.as_bytes());
        words.push(b'\n');
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::{Body, Bytes, to_bytes};
    use axum::http::StatusCode;

    use super::*;

    /// Rounds of a server that has answered as many requests as it answers at once.
    fn busy() -> Rounds {
        let rounds = Rounds::new(|| true, |_, _| true);
        spend(&rounds);
        rounds
    }

    /// Answers as many at once as may be.
    fn spend(rounds: &Rounds) {
        let mut state = lock(&rounds.state);
        (state.left, state.counted) = (0.0, Instant::now());
    }

    fn get(path: &str) -> Request {
        Request::get(path).body(Body::empty()).unwrap()
    }

    async fn body(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Answers with the path and the number of the answer.
    async fn count(count: &AtomicUsize, request: Request) -> Response {
        let number = count.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let status = StatusCode::ACCEPTED;
        (status, format!("{} {number}", request.uri())).into_response()
    }

    #[tokio::test]
    async fn equal_questions_of_a_round_get_one_answer_and_others_their_own() {
        tokio::time::pause();
        let (repeated, answered) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let counted = Arc::clone(&repeated);
        let repeat = move |response: &Response, after| {
            assert!(after >= ROUND && response.status() == StatusCode::ACCEPTED);
            counted.fetch_add(1, Ordering::Relaxed) == 0
        };
        let rounds = Rounds::new(|| true, repeat);
        spend(&rounds);
        let start = Instant::now();
        let ask = |request| {
            rounds.answer_in_turn(Instant::now(), request, |request| count(&answered, request))
        };
        let with = |name, value| {
            let request = Request::get("/a").header(name, value);
            request.body(Body::empty()).unwrap()
        };
        let of_peer = |peer: [u8; 4]| {
            let mut request = get("/a");
            request.extensions_mut().insert(Peer(peer.into()));
            request
        };
        let answers = tokio::join!(
            biased;
            ask(get("/a")),
            ask(get("/a")),
            ask(get("/a?b")),
            ask(with("cookie", "c")),
            ask(with("cookie", "d")),
            ask(of_peer([10, 0, 0, 1])),
            ask(of_peer([10, 0, 0, 2])),
        );
        assert!(start.elapsed() >= ROUND);
        assert_eq!(answers.0.status(), StatusCode::ACCEPTED);
        let same = [body(answers.0).await, body(answers.1).await];
        assert_eq!(same[0], same[1]);
        assert!(body(answers.2).await.starts_with("/a?b "));
        assert_eq!(answered.load(Ordering::Relaxed), 6);
        assert_eq!(repeated.load(Ordering::Relaxed), 1);
        // The next round finds its answer anew.
        assert_eq!(body(ask(get("/a")).await).await, "/a 6");
    }

    #[tokio::test]
    async fn what_changes_something_or_has_no_known_end_is_done_for_each() {
        tokio::time::pause();
        let (rounds, answered) = (busy(), AtomicUsize::new(0));
        let post = || Request::post("/a").body(Body::empty()).unwrap();
        let ask = |request| {
            rounds.answer_in_turn(Instant::now(), request, |request| count(&answered, request))
        };
        tokio::join!(ask(post()), ask(post()));
        assert_eq!(answered.load(Ordering::Relaxed), 2);
        let stream = |request| async {
            let counted = count(&answered, request).await;
            let body = Body::new(Streamed(counted.into_body()));
            Response::new(body)
        };
        let ask = || rounds.answer_in_turn(Instant::now(), get("/s"), stream);
        let (first, second) = tokio::join!(ask(), ask());
        let both = [body(first).await, body(second).await];
        assert_eq!(both, ["/s 2", "/s 3"]);
    }

    /// A body that does not say how long it is.
    struct Streamed(Body);

    impl axum::body::HttpBody for Streamed {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
            std::pin::Pin::new(&mut self.0).poll_frame(context)
        }
    }

    #[tokio::test]
    async fn who_may_have_no_answer_of_others_is_answered_by_itself() {
        tokio::time::pause();
        let (rounds, answered) = (Rounds::new(|| true, |_, _| false), AtomicUsize::new(0));
        spend(&rounds);
        let ask = || {
            rounds.answer_in_turn(Instant::now(), get("/a"), |request| {
                count(&answered, request)
            })
        };
        let (first, second) = tokio::join!(ask(), ask());
        assert_ne!(body(first).await, body(second).await);
        // Nobody waits for the round, so it is gone with its answers.
        assert!(lock(&rounds.state).gathering.upgrade().is_none());
    }

    #[tokio::test]
    async fn a_client_that_goes_away_leaves_its_question_to_the_others() {
        tokio::time::pause();
        let (rounds, answered) = (busy(), AtomicUsize::new(0));
        let never = |_| std::future::pending();
        let gone = rounds.answer_in_turn(Instant::now(), get("/a"), never);
        let gone = tokio::time::timeout(ROUND * 2, gone);
        let stays = rounds.answer_in_turn(Instant::now(), get("/a"), |request| {
            count(&answered, request)
        });
        let (gone, stays) = tokio::join!(biased; gone, stays);
        assert!(gone.is_err());
        assert_eq!(body(stays).await, "/a 0");
    }

    #[tokio::test]
    async fn who_pauses_between_questions_is_answered_at_once() {
        tokio::time::pause();
        let (rounds, answered) = (busy(), AtomicUsize::new(0));
        let (asker, mut waited) = (Asker::default(), Vec::new());
        for pause in [0, 0, 150, 250, 1_000, 0] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            spend(&rounds);
            let start = Instant::now();
            let answer = |request| count(&answered, request);
            rounds.answer(&asker, get("/a"), answer).await;
            waited.push(start.elapsed() >= ROUND);
        }
        assert_eq!(waited, [true, true, true, false, false, true]);
    }

    #[tokio::test]
    async fn people_and_a_machine_without_work_do_not_wait() {
        tokio::time::pause();
        let answered = AtomicUsize::new(0);
        let start = Instant::now();
        let rounds = Rounds::new(|| false, |_, _| true);
        for _ in 0..1_000 {
            let answer = |request| count(&answered, request);
            rounds
                .answer_in_turn(Instant::now(), get("/a"), answer)
                .await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        let rounds = Rounds::new(|| true, |_, _| true);
        for _ in 0..200 {
            let answer = |request| count(&answered, request);
            rounds
                .answer_in_turn(Instant::now(), get("/a"), answer)
                .await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        // A script that asks one thing after the other gets a round's time for each, and those that come with time.
        for _ in 0..100 {
            let answer = |request| count(&answered, request);
            rounds
                .answer_in_turn(Instant::now(), get("/a"), answer)
                .await;
        }
        let waited = start.elapsed().as_secs_f64();
        assert!((1.0..1.5).contains(&waited), "{waited}");
    }
}
