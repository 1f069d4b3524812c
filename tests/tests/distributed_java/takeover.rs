//! Java workers and ours over the same topics and in the same group: either takes over from the other.

use kconnect_tests::Workers;
use kconnect_tests::workers::{
    ask, file_sink, file_source, put_connector, wait_balanced, wait_for_lines, wait_for_state,
};

use crate::support::{append, lines, run};

#[test]
fn either_goes_on_where_the_other_stopped() {
    run("either_goes_on_where_the_other_stopped", |servers| {
        let workers = Workers::new(servers)?;
        let (source, sink) = (workers.path("in.txt"), workers.path("out.txt"));
        let (topic, out) = (workers.group(), workers.named("out"));
        append(&source, 0..100)?;
        let ours = workers.start("ours")?;
        put_connector(&ours.rest_url(), "in", &file_source(&source, topic))?;
        put_connector(&ours.rest_url(), &out, &file_sink(&sink, topic, 1))?;
        assert_eq!(wait_for_lines(&sink, 100)?, lines(0..100));
        wait_for_state(&ours.rest_url(), "in", 1, "RUNNING")?;
        ours.stop()?;
        append(&source, 100..200)?;
        let java = workers.start_java("java")?;
        wait_for_state(&java.rest_url(), "in", 1, "RUNNING")?;
        assert_eq!(wait_for_lines(&sink, 200)?, lines(0..200));
        ask(&java.rest_url(), "PUT", "/connectors/in/pause", None)?;
        wait_for_state(&java.rest_url(), "in", 1, "PAUSED")?;
        java.stop()?;
        append(&source, 200..300)?;
        let ours = workers.start("ours")?;
        wait_for_state(&ours.rest_url(), "in", 1, "PAUSED")?;
        ask(&ours.rest_url(), "PUT", "/connectors/in/resume", None)?;
        assert_eq!(wait_for_lines(&sink, 300)?, lines(0..300));
        ours.stop()
    });
}

#[test]
fn two_java_workers_and_one_of_ours_are_one_cluster_whoever_leads() {
    run(
        "two_java_workers_and_one_of_ours_are_one_cluster_whoever_leads",
        |servers| {
            let workers = Workers::new(servers)?;
            let topic = workers.group();
            let first = workers.start_java("java-one")?;
            let second = workers.start_java("java-two")?;
            let ours = workers.start("ours")?;
            let sink =
                |number: u32| file_sink(&workers.path(&format!("out-{number}.txt")), topic, 6);
            let names = [workers.named("a"), workers.named("b"), workers.named("c")];
            // A Java worker leads; the connector is created on ours, which has to send the request on.
            put_connector(&ours.rest_url(), &names[0], &sink(0))?;
            for url in [first.rest_url(), second.rest_url(), ours.rest_url()] {
                wait_balanced(&url, &[&names[0]], 6, 3)?;
            }
            // The first one leads. When it has gone either of the others may.
            first.stop()?;
            wait_balanced(&ours.rest_url(), &[&names[0]], 6, 2)?;
            put_connector(&second.rest_url(), &names[1], &sink(1))?;
            wait_balanced(&ours.rest_url(), &[&names[0], &names[1]], 12, 2)?;
            second.stop()?;
            wait_balanced(&ours.rest_url(), &[&names[0], &names[1]], 12, 1)?;
            // The way back: ours leads, and Java's connectors hand it their tasks.
            let back = workers.start_java("java-three")?;
            wait_balanced(&back.rest_url(), &[&names[0], &names[1]], 12, 2)?;
            for name in &names[..2] {
                ask(
                    &back.rest_url(),
                    "DELETE",
                    &format!("/connectors/{name}"),
                    None,
                )?;
            }
            put_connector(&back.rest_url(), &names[2], &sink(2))?;
            for url in [back.rest_url(), ours.rest_url()] {
                wait_balanced(&url, &[&names[2]], 6, 2)?;
            }
            ours.stop()?;
            wait_balanced(&back.rest_url(), &[&names[2]], 6, 1)?;
            back.stop()
        },
    );
}
