#!/usr/bin/perl
# What one task of a job does on its node: it talks to all the job's other nodes, each with each, and notes what came.
#
# usage: mesh.pl FOLDER PORT BYTES once|until-stop NODE...
#   sends BYTES of numbered lines of text over TCP to every other node; with until-stop then a line every 50 ms until FOLDER/stop is
#   there. Meanwhile asks all others for an echo over UDP every 20 ms.
# FOLDER, which all nodes share, gets of each node FROM
#   result-FROM   lines "sent FROM TO SHA256" and "received PEER FROM SHA256 ADDRESS-OF-PEER"
#   echo-FROM     a line "TO SENT-AT ANSWERED-AT" for each echo, ms since the epoch
use strict;
use warnings;
use Digest::SHA;
use IO::Socket::INET;
use Time::HiRes qw(time sleep);

my ($folder, $port, $bytes, $mode, @nodes) = @ARGV;
my $me = $ENV{SLURMD_NODENAME} or die "SLURMD_NODENAME is not set";
my @others = grep { $_ ne $me } @nodes;

sub note {
    open my $file, '>>', "$folder/result-$me" or die "result: $!";
    syswrite $file, "@_\n";
}

# Runs in a process of its own, whose number is given back.
sub beside {
    my ($work) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    $work->();
    exit 0;
}

sub caller_to {
    my ($to) = @_;
    for (1 .. 300) {
        my $socket = IO::Socket::INET->new(PeerAddr => $to, PeerPort => $port, Proto => 'tcp');
        return $socket if $socket;
        sleep 0.1;
    }
    die "$to does not answer: $@";
}

sub send_lines {
    my ($to) = @_;
    my $socket = caller_to($to);
    my ($digest, $sent, $number) = (Digest::SHA->new(256), 0, 0);
    my $tell = sub {
        my ($text) = @_;
        print {$socket} $text or die "to $to: $!";
        $digest->add($text);
        $sent += length $text;
    };
    $tell->("$me\n");
    while ($sent < $bytes) {
        $tell->(join '', map { $number++; "causeway plaintext from $me to $to, line $number\n" } 1 .. 500);
    }
    $socket->autoflush(1);
    while ($mode eq 'until-stop' && !-e "$folder/stop") {
        $number++;
        $tell->("causeway plaintext from $me to $to, line $number\n");
        sleep 0.05;
    }
    close $socket or die "to $to: $!";
    note('sent', $me, $to, $digest->hexdigest);
}

sub receive_lines {
    my ($socket) = @_;
    my $digest = Digest::SHA->new(256);
    my ($first, $got) = ('', 0);
    while (my $read = sysread $socket, my $text, 65536) {
        $digest->add($text);
        $first .= $text if length $first < 100;
        $got += $read;
    }
    my ($from) = split /\n/, $first;
    note('received', $from, $me, $digest->hexdigest, $socket->peerhost);
}

sub echo {
    my $socket = IO::Socket::INET->new(LocalPort => $port, Proto => 'udp') or die "udp: $!";
    my %place = map { $_ => pack_sockaddr_in($port, inet_aton($_) // die "no address of $_") } @others;
    my $next = time;
    open my $file, '>>', "$folder/echo-$me" or die "echo: $!";
    while (1) {
        my $now = time;
        if ($now >= $next) {
            # What can't be sent just now (no neighbour, no carrier) is as good as lost.
            send $socket, "ask $_ " . int($now * 1000), 0, $place{$_} for @others;
            $next = $now + 0.02;
        }
        my $ready = '';
        vec($ready, fileno $socket, 1) = 1;
        next if select($ready, undef, undef, 0.005) < 1;
        my $from = recv $socket, my $text, 200, 0 or next;
        if ($text =~ /^ask (.*)/s) { send $socket, "answer $1", 0, $from }
        elsif ($text =~ /^answer (\S+) (\d+)$/) { syswrite $file, "$1 $2 " . int(time * 1000) . "\n" }
    }
}

my $server = IO::Socket::INET->new(LocalPort => $port, Listen => 16, ReuseAddr => 1) or die "listen: $@";
my $echo = beside(\&echo);
my @working = map { my $to = $_; beside(sub { send_lines($to) }) } @others;
for (@others) {
    my $socket = $server->accept or die "accept: $!";
    push @working, beside(sub { receive_lines($socket) });
    close $socket;
}
my $failed = 0;
for my $pid (@working) {
    waitpid $pid, 0;
    $failed = 1 if $?;
}
kill 'KILL', $echo;
exit $failed;
