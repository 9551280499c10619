// The workload of simulator/benches/workload in ns-3: h1, h2 - r1 - r2 - r3 - h3, h4, six links of
// 10 Gbit/s and 200 us. h1 sends BULK_MB megabytes to h3; h2 asks h4 CONNECTIONS times, one every
// 10 ms, with 200 octets for 10,240. ns-3 has neither security groups nor connection tracking nor
// NAT, and leaves checksums out unless told to make them.
//
// anchor BULK_MB CONNECTIONS [pcap PREFIX] [checksums]
#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

using namespace ns3;

namespace {

const uint32_t REQUEST = 200;
const uint32_t ANSWER = 10240;

uint64_t hops = 0;
uint64_t closed = 0;
uint64_t answers = 0;

void CountHop(Ptr<const Packet>) { ++hops; }

// The server: an answer for each request, then FIN.
void Serve(Ptr<Socket> socket) {
    while (Ptr<Packet> request = socket->Recv()) {
        if (request->GetSize() == 0) {
            return;
        }
        socket->Send(Create<Packet>(ANSWER));
        socket->Close();
    }
}

void Accept(Ptr<Socket> socket, const Address&) {
    socket->SetRecvCallback(MakeCallback(&Serve));
}

// The client.
void Ask(Ptr<Socket> socket) { socket->Send(Create<Packet>(REQUEST)); }

void Read(Ptr<Socket> socket) {
    while (Ptr<Packet> data = socket->Recv()) {
        if (data->GetSize() == 0) {
            return;
        }
        answers += data->GetSize();
    }
}

void End(Ptr<Socket> socket) {
    ++closed;
    socket->Close();
}

void Ignore(Ptr<Socket>) {}

void Open(Ptr<Node> client, Address server) {
    Ptr<Socket> socket = Socket::CreateSocket(client, TcpSocketFactory::GetTypeId());
    socket->Bind();
    socket->SetConnectCallback(MakeCallback(&Ask), MakeCallback(&Ignore));
    socket->SetRecvCallback(MakeCallback(&Read));
    socket->SetCloseCallbacks(MakeCallback(&End), MakeCallback(&Ignore));
    socket->Connect(server);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: anchor BULK_MB CONNECTIONS [pcap PREFIX] [checksums]\n");
        return 2;
    }
    const uint64_t bulk = std::strtoull(argv[1], nullptr, 10) * 1000000;
    const uint32_t connections = std::strtoul(argv[2], nullptr, 10);
    std::string prefix;
    for (int at = 3; at < argc; ++at) {
        const std::string word = argv[at];
        if (word == "pcap" && at + 1 < argc) {
            prefix = argv[++at];
        } else if (word == "checksums") {
            GlobalValue::Bind("ChecksumEnabled", BooleanValue(true));
        }
    }
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(1 << 20));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(1 << 20));

    enum { H1, H2, R1, R2, R3, H3, H4, NODES };
    NodeContainer nodes;
    nodes.Create(NODES);
    InternetStackHelper stack;
    stack.Install(nodes);
    PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
    link.SetChannelAttribute("Delay", StringValue("200us"));
    link.SetQueue("ns3::DropTailQueue", "MaxSize", StringValue("2000p"));
    const int ends[][2] = {{H1, R1}, {H2, R1}, {R1, R2}, {R2, R3}, {R3, H3}, {R3, H4}};
    Ipv4AddressHelper addresses("10.0.0.0", "255.255.255.0");
    Ipv4Address last;
    Ipv4Address h3;
    for (const auto& end : ends) {
        auto interfaces = addresses.Assign(link.Install(nodes.Get(end[0]), nodes.Get(end[1])));
        addresses.NewNetwork();
        h3 = last;
        last = interfaces.GetAddress(1);
    }
    Ipv4GlobalRoutingHelper::PopulateRoutingTables();

    PacketSinkHelper sink("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), 9));
    ApplicationContainer sinks = sink.Install(nodes.Get(H3));
    if (bulk > 0) {
        BulkSendHelper sender("ns3::TcpSocketFactory", InetSocketAddress(h3, 9));
        sender.SetAttribute("MaxBytes", UintegerValue(bulk));
        sender.SetAttribute("SendSize", UintegerValue(1448 * 44));
        sender.Install(nodes.Get(H1)).Start(Seconds(0));
    }
    Ptr<Socket> listener = Socket::CreateSocket(nodes.Get(H4), TcpSocketFactory::GetTypeId());
    listener->Bind(InetSocketAddress(Ipv4Address::GetAny(), 80));
    listener->Listen();
    listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(),
                                MakeCallback(&Accept));
    const Address server = InetSocketAddress(last, 80);
    for (uint32_t at = 0; at < connections; ++at) {
        Simulator::Schedule(MilliSeconds(1 + 10 * at), &Open, nodes.Get(H2), server);
    }
    Config::ConnectWithoutContext("/NodeList/*/DeviceList/*/$ns3::PointToPointNetDevice/PhyTxEnd",
                                  MakeCallback(&CountHop));
    if (!prefix.empty()) {
        link.EnablePcapAll(prefix, false);
    }

    const auto started = std::chrono::steady_clock::now();
    Simulator::Stop(Seconds(connections > 0 ? 0.01 * connections + 2 : 30));
    Simulator::Run();
    const std::chrono::duration<double> run = std::chrono::steady_clock::now() - started;
    const uint64_t received = DynamicCast<PacketSink>(sinks.Get(0))->GetTotalRx();
    std::printf("run_s %.4f hops %lu hops/s %.0f packets/s %.0f bulk_rx %lu closed %lu "
                "http_bytes %lu\n",
                run.count(), hops, hops / run.count(), hops / run.count() / 4, received, closed,
                answers);
    Simulator::Destroy();
    return 0;
}
