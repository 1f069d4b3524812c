// franz-go's life with a broker: BOOTSTRAP OURS THEIRS. Reads topic OURS, fills topic THEIRS, and cleans up the rest.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	count     = 300
	timestamp = 1_700_000_000_000
)

var (
	names  = []string{"none", "gzip", "snappy", "lz4", "zstd"}
	codecs = []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	bootstrap, ours, theirs, work, group string
)

func must(err error, what string) {
	if err != nil {
		panic(fmt.Sprintf("%s: %v", what, err))
	}
}

func equal(what string, got, wanted any) {
	if !reflect.DeepEqual(got, wanted) {
		panic(fmt.Sprintf("%s: got %v, wanted %v", what, got, wanted))
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append(options, kgo.SeedBrokers(bootstrap))...)
	must(err, "new client")
	return made
}

func everyCodec(topic string) []*kgo.Record {
	var records []*kgo.Record
	for n, name := range names {
		records = append(records, &kgo.Record{
			Topic:     topic,
			Key:       []byte(name),
			Value:     []byte(name + ":" + strings.Repeat("x", 1000)),
			Timestamp: time.UnixMilli(int64(timestamp + n)),
			Headers:   []kgo.RecordHeader{{Key: "codec", Value: []byte(name)}, {Key: "codec", Value: []byte("again")}, {Key: "empty", Value: []byte{}}},
		})
	}
	gone := &kgo.Record{Topic: topic, Key: []byte("gone"), Timestamp: time.UnixMilli(int64(timestamp + len(names)))}
	return append(records, gone)
}

func produceEveryCodec(ctx context.Context) {
	for n, record := range everyCodec(theirs) {
		producer := client(kgo.ProducerBatchCompression(codecs[n%len(codecs)]), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		must(producer.ProduceSync(ctx, record).FirstErr(), "produce")
		equal("offset", record.Offset, int64(n))
		producer.Close()
	}
}

func readOurs(ctx context.Context) {
	offsets := map[string]map[int32]kgo.Offset{ours: {0: kgo.NewOffset().AtStart()}}
	reader := client(kgo.ConsumePartitions(offsets))
	defer reader.Close()
	wanted := everyCodec(ours)
	var got []*kgo.Record
	for len(got) < len(wanted) {
		fetches := reader.PollFetches(ctx)
		must(fetches.Err(), "fetch")
		got = append(got, fetches.Records()...)
	}
	for n, record := range got {
		equal("key", string(record.Key), string(wanted[n].Key))
		equal("value", string(record.Value), string(wanted[n].Value))
		equal("tombstone", record.Value == nil, wanted[n].Value == nil)
		equal("timestamp", record.Timestamp.UnixMilli(), wanted[n].Timestamp.UnixMilli())
		equal("headers", fmt.Sprint(record.Headers), fmt.Sprint(wanted[n].Headers))
	}
}

// members keeps what each member of a group owns, and which records all of them have seen.
type members struct {
	sync.Mutex
	changed *sync.Cond
	owned   map[string]map[int32]bool
	seen    map[string]bool
}

func (m *members) join(ctx context.Context, name string, balancer kgo.GroupBalancer, groupID string) *kgo.Client {
	change := func(to bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			m.Lock()
			defer m.Unlock()
			for _, partition := range changed[work] {
				if to {
					m.owned[name][partition] = true
				} else {
					delete(m.owned[name], partition)
				}
			}
			m.changed.Broadcast()
		}
	}
	m.Lock()
	m.owned[name] = map[int32]bool{}
	m.Unlock()
	member := client(kgo.ConsumerGroup(groupID), kgo.ConsumeTopics(work), kgo.Balancers(balancer),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(200*time.Millisecond),
		kgo.DisableAutoCommit(), kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)),
		kgo.OnPartitionsLost(change(false)))
	go func() {
		for {
			fetches := member.PollFetches(ctx)
			if fetches.IsClientClosed() {
				return
			}
			m.Lock()
			for _, record := range fetches.Records() {
				m.seen[fmt.Sprint(record.Partition, record.Offset)] = true
			}
			m.changed.Broadcast()
			m.Unlock()
		}
	}()
	return member
}

func (m *members) wait(what string, fulfilled func() bool) {
	late := time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("%s: %v", what, m.owned)) })
	defer late.Stop()
	m.Lock()
	defer m.Unlock()
	for !fulfilled() {
		m.changed.Wait()
	}
}

func aGroupRebalances(ctx context.Context, admin *kadm.Client, balancer kgo.GroupBalancer) {
	id := group + "-" + balancer.ProtocolName()
	m := &members{owned: map[string]map[int32]bool{}, seen: map[string]bool{}}
	m.changed = sync.NewCond(m)
	first := m.join(ctx, "first", balancer, id)
	m.wait("one member has all", func() bool { return len(m.owned["first"]) == 3 })
	second := m.join(ctx, "second", balancer, id)
	m.wait("two members share", func() bool {
		both := maps.Clone(m.owned["first"])
		maps.Copy(both, m.owned["second"])
		return len(both) == 3 && len(m.owned["first"]) > 0 && len(m.owned["second"]) > 0 &&
			len(m.owned["first"])+len(m.owned["second"]) == 3
	})
	described, err := admin.DescribeGroups(ctx, id)
	must(err, "describe group")
	equal("members", len(described[id].Members), 2)
	m.wait("all is read", func() bool { return len(m.seen) == count })
	second.Close()
	m.wait("the first member has all again", func() bool { return len(m.owned["first"]) == 3 })
	must(first.CommitUncommittedOffsets(ctx), "commit")
	first.Close()
	var offsets kadm.Offsets
	for partition := range int32(3) {
		offsets.AddOffset(work, partition, count/3, -1)
	}
	must(admin.CommitAllOffsets(ctx, id, offsets), "commit for a group without members")
	fetched, err := admin.FetchOffsets(ctx, id)
	must(err, "fetch offsets")
	sum := int64(0)
	fetched.Each(func(offset kadm.OffsetResponse) { sum += offset.At })
	equal("records behind commits", sum, int64(count))
	gone, err := admin.DeleteGroup(ctx, id)
	must(err, "delete group")
	must(gone.Err, "delete group")
}

// Asks until the answer is what is wanted: a broker learns of a change some time after its controller has acknowledged it.
func eventually[T comparable](what string, wanted T, ask func() T) {
	deadline := time.Now().Add(time.Minute)
	got := ask()
	for got != wanted && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		got = ask()
	}
	equal(what, got, wanted)
}

func administer(ctx context.Context, admin *kadm.Client) {
	grown, err := admin.UpdatePartitions(ctx, 4, work)
	must(err, "create partitions")
	must(grown.Error(), "create partitions")
	hour := "3600000"
	altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &hour}}, work)
	must(err, "alter configs")
	must(altered[0].Err, "alter configs")
	eventually("retention.ms", hour, func() string {
		configs, err := admin.DescribeTopicConfigs(ctx, work)
		must(err, "describe configs")
		at := slices.IndexFunc(configs[0].Configs, func(c kadm.Config) bool { return c.Key == "retention.ms" })
		return configs[0].Configs[at].MaybeValue()
	})
	var before kadm.Offsets
	before.AddOffset(work, 0, 5, -1)
	deleted, err := admin.DeleteRecords(ctx, before)
	must(err, "delete records")
	must(deleted.Error(), "delete records")
	starts, err := admin.ListStartOffsets(ctx, work)
	must(err, "list offsets")
	start, _ := starts.Lookup(work, 0)
	equal("log start", start.Offset, int64(5))
	later, err := admin.ListOffsetsAfterMilli(ctx, timestamp+2, theirs)
	must(err, "list offsets by time")
	found, _ := later.Lookup(theirs, 0)
	equal("offset by time", found.Offset, int64(2))
	topics, err := admin.DeleteTopics(ctx, work)
	must(err, "delete topics")
	must(topics.Error(), "delete topics")
	eventually("topic is there", false, func() bool {
		left, err := admin.ListTopics(ctx)
		must(err, "list topics")
		return left.Has(work)
	})
}

func main() {
	bootstrap, ours, theirs = os.Args[1], os.Args[2], os.Args[3]
	work, group = theirs+"-work", theirs+"-group"
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	admin := kadm.NewClient(client())
	fmt.Println("create topics")
	_, err := admin.CreateTopic(ctx, 3, 1, nil, work)
	must(err, "create topic")
	compact := "compact"
	_, err = admin.CreateTopic(ctx, 1, -1, map[string]*string{"cleanup.policy": &compact}, theirs)
	must(err, "create topic")
	fmt.Println("produce with every codec")
	produceEveryCodec(ctx)
	fmt.Println("read what kconnect wrote")
	readOurs(ctx)
	fmt.Println("groups rebalance")
	producer := client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for n := range count {
		record := &kgo.Record{Topic: work, Partition: int32(n % 3), Value: fmt.Append(nil, n)}
		producer.Produce(ctx, record, func(_ *kgo.Record, err error) { must(err, "produce") })
	}
	must(producer.Flush(ctx), "flush")
	producer.Close()
	for _, balancer := range []kgo.GroupBalancer{kgo.RangeBalancer(), kgo.CooperativeStickyBalancer()} {
		aGroupRebalances(ctx, admin, balancer)
	}
	fmt.Println("administer")
	administer(ctx, admin)
	fmt.Println("done")
}
