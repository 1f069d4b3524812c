//! The file connectors: lines of a file as records, and records as lines of a file, beside plain reading and writing.
//!
//! `cargo bench --bench connectors` in this folder. `SECONDS=n` sets the time for each table (default 2).

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use kconnect::api::{
    ConnectorTaskId, Converter, OffsetReader, Properties, RawHeaders, Role, SinkRecord, SinkTask,
    SinkTaskContext, SourceTask, SourceTaskContext,
};
use kconnect::connectors::file_sink::FileStreamSinkTask;
use kconnect::connectors::file_source::FileStreamSourceTask;
use kconnect::converters::StringConverter;
use kconnect_benches::{Best, Candidate, Counting, measure, time_for_a_table};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: Counting = Counting(std::alloc::System);

const LINES: usize = 200_000;
/// As many as a consumer hands out at a time.
const BATCH: usize = 500;

fn main() {
    let time = time_for_a_table();
    let directory = tempfile::tempdir().expect("a folder for temporary files");
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let source = directory.path().join("source");
    let lines: Vec<String> = (0..LINES).map(|line| format!("{line:0>99}")).collect();
    std::fs::write(&source, lines.join("\n") + "\n").expect("room on the disk");
    print(
        "read lines of 100 bytes from a file, per line",
        &measure(
            time,
            vec![
                Candidate::new("records", LINES, || read(&runtime, &source, false)),
                Candidate::new("records, converted", LINES, || {
                    read(&runtime, &source, true);
                }),
                Candidate::new("a String each, std", LINES, || {
                    let file = BufReader::new(File::open(&source).expect("written above"));
                    black_box(file.lines().map_while(Result::ok).count());
                }),
            ],
        ),
    );
    let target = directory.path().join("target");
    let topic: Arc<str> = "t".into();
    let records: Vec<SinkRecord> = (0..)
        .zip(&lines)
        .map(|(offset, line)| SinkRecord::new(topic.clone(), 0, offset, None, line.as_str()))
        .collect();
    print(
        "append lines of 100 bytes to a file, per line",
        &measure(
            time,
            vec![
                Candidate::new("records, 500 a put", LINES, || {
                    write(&runtime, &target, &records);
                }),
                Candidate::new("BufWriter, std", LINES, || {
                    let mut file = BufWriter::new(File::create(&target).expect("it is ours"));
                    for line in &lines {
                        file.write_all(line.as_bytes()).expect("room on the disk");
                        file.write_all(b"\n").expect("room on the disk");
                    }
                    file.flush().expect("room on the disk");
                }),
            ],
        ),
    );
}

fn read(runtime: &Runtime, path: &Path, convert: bool) {
    let config = Properties::from([("file", path.to_str().expect("UTF-8")), ("topic", "t")]);
    let id = ConnectorTaskId::new(&"c".into(), 0);
    let context = SourceTaskContext::new(id, Arc::default(), OffsetReader::empty());
    let mut converter =
        <StringConverter as Converter>::new(&Properties::default(), Role::Value).expect("defaults");
    let (mut headers, mut out) = (RawHeaders::new(), Vec::new());
    let work = async {
        let mut task = FileStreamSourceTask::start(context, config).await?;
        let mut count = 0;
        while count < LINES {
            let records = task.poll().await?;
            count += records.len();
            for record in records.iter().filter(|_| convert) {
                let (schema, value) = (record.value_schema.as_ref(), &record.value);
                let bytes =
                    converter.from_connect_data("t", &mut headers, schema, value, &mut out)?;
                black_box(bytes);
            }
        }
        Ok::<_, kconnect::api::TaskError>(())
    };
    runtime.block_on(work).expect("a file that is there");
}

fn write(runtime: &Runtime, path: &Path, records: &[SinkRecord]) {
    // The same work each time: an empty file.
    drop(File::create(path).expect("it is ours"));
    let config = Properties::from([("file", path.to_str().expect("UTF-8"))]);
    let id = ConnectorTaskId::new(&"c".into(), 0);
    let (context, _control) = SinkTaskContext::new(id, Arc::default());
    let work = async {
        let mut task = FileStreamSinkTask::start(context, config).await?;
        for batch in records.chunks(BATCH) {
            task.put(batch).await?;
        }
        Ok::<_, kconnect::api::TaskError>(())
    };
    runtime.block_on(work).expect("room on the disk");
}

fn print(title: &str, best: &[Best]) {
    println!("\n{title}");
    for candidate in best {
        println!(
            "  {:<24} {:>8.1} ns  {:>6.2} allocations",
            candidate.name, candidate.nanoseconds, candidate.allocations
        );
    }
}
