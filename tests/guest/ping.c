#include "ping.h"

#include "machine.h"
#include "nic.h"
#include "print.h"

enum {
	EXIT_LOST = 1,
	EXIT_NO_ARP = 4,
	PORT_READY = 0x6f1,
	ARP_TRIES = 30,
	FOR_EVER_US = 4000000,

	ETHER_LEN = 14,
	IP_LEN = 20,
	ICMP_LEN = 8,
	ARP_LEN = 28,
	MIN_FRAME = 60,
	TYPE_ARP = 0x0608, /* 0x0806 and 0x0800 as a little-endian CPU reads them */
	TYPE_IP = 0x0008,
	ARP_REQUEST = 0x0100,
	ARP_REPLY = 0x0200,
	PROTOCOL_ICMP = 1,
	ECHO_REQUEST = 8,
	ECHO_REPLY = 0,
	IDENT = 0x5752,
};

struct arp {
	uint16_t hardware, protocol;
	uint8_t hardware_len, protocol_len;
	uint16_t op;
	uint8_t sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
} __attribute__((packed));

struct ip {
	uint8_t version, tos;
	uint16_t len, id, fragment;
	uint8_t ttl, protocol;
	uint16_t checksum;
	uint8_t source[4], target[4];
} __attribute__((packed));

struct icmp {
	uint8_t type, code;
	uint16_t checksum, ident, sequence;
	uint32_t sequence_high;
} __attribute__((packed));

struct ether {
	uint8_t target[6], source[6];
	uint16_t type;
	union {
		struct arp arp;
		struct {
			struct ip ip;
			struct icmp icmp;
		} __attribute__((packed));
	};
} __attribute__((packed));

struct state {
	const struct options *options;
	const uint8_t *mac;
	uint8_t peer[6];
	bool has_peer;
	uint32_t sequence; /* of the request on its way */
	bool answered;
	uint64_t sent_at;
	uint32_t n_sent, n_received, n_duplicate;
	uint32_t best_us, worst_us, sum_us;
	bool link_up;
};

static void copy(void *to, const void *from, uint32_t len)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

static bool same_ip(const uint8_t *a, const uint8_t *b)
{
	return *(const uint32_t *)(const void *)a == *(const uint32_t *)(const void *)b;
}

static uint16_t checksum(const void *bytes, uint32_t len)
{
	const uint16_t *word = bytes;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *word++;
	if (len)
		sum += *(const uint8_t *)word;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void send_arp(struct state *s, uint16_t op, const uint8_t *mac, const uint8_t *ip)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct ether *e = (struct ether *)(void *)nic_transmit_buffer();

	if (!e)
		return;
	for (unsigned i = 0; i < MIN_FRAME / 4; i++)
		((uint32_t *)(void *)e)[i] = 0;
	copy(e->target, mac ? mac : broadcast, 6);
	copy(e->source, s->mac, 6);
	e->type = TYPE_ARP;
	e->arp = (struct arp){.hardware = 0x0100,
			      .protocol = TYPE_IP,
			      .hardware_len = 6,
			      .protocol_len = 4,
			      .op = op};
	copy(e->arp.sender_mac, s->mac, 6);
	copy(e->arp.sender_ip, s->options->ip, 4);
	if (mac)
		copy(e->arp.target_mac, mac, 6);
	copy(e->arp.target_ip, ip, 4);
	nic_transmit(MIN_FRAME);
}

static void on_arp(struct state *s, const struct ether *e, uint32_t len)
{
	const struct arp *arp = &e->arp;

	if (len < ETHER_LEN + ARP_LEN)
		return;
	if (s->options->has_ping && same_ip(arp->sender_ip, s->options->ping)) {
		copy(s->peer, arp->sender_mac, 6);
		s->has_peer = true;
	}
	if (arp->op == ARP_REQUEST && same_ip(arp->target_ip, s->options->ip))
		send_arp(s, ARP_REPLY, arp->sender_mac, arp->sender_ip);
}

/* The answer is the question with both addresses turned round and another type, so both checksums
 * can be mended instead of computed. */
static void answer_echo(struct state *s, const struct ether *e, uint32_t len)
{
	struct ether *out = (struct ether *)(void *)nic_transmit_buffer();
	uint32_t sum;

	if (!out)
		return;
	copy(out, e, len);
	copy(out->target, e->source, 6);
	copy(out->source, s->mac, 6);
	copy(out->ip.source, e->ip.target, 4);
	copy(out->ip.target, e->ip.source, 4);
	out->icmp.type = ECHO_REPLY;
	sum = out->icmp.checksum + (uint32_t)ECHO_REQUEST;
	out->icmp.checksum = (uint16_t)(sum + (sum >> 16));
	nic_transmit(len);
}

static void print_answer(const struct state *s, const struct ether *e, uint32_t us)
{
	print_number(s->options->size + ICMP_LEN);
	print(" bytes from ");
	print_ip(e->ip.source);
	print(": seq=");
	print_number(s->sequence);
	print(" time=");
	print_number(us);
	print(" us");
	print_end();
}

static void on_answer(struct state *s, const struct ether *e)
{
	uint32_t us;

	if (e->icmp.ident != IDENT || e->icmp.sequence_high != s->sequence || s->answered) {
		s->n_duplicate++;
		return;
	}
	us = machine_us(ticks() - s->sent_at);
	s->answered = true;
	s->n_received++;
	s->sum_us += us;
	if (us < s->best_us)
		s->best_us = us;
	if (us > s->worst_us)
		s->worst_us = us;
	if (!s->options->quiet)
		print_answer(s, e, us);
}

static void on_frame(struct state *s, const uint8_t *frame, uint32_t len)
{
	const struct ether *e = (const struct ether *)(const void *)frame;

	if (e->type == TYPE_ARP) {
		on_arp(s, e, len);
		return;
	}
	if (e->type != TYPE_IP || len < ETHER_LEN + IP_LEN + sizeof(struct icmp) ||
	    len > NIC_FRAME_LEN || e->ip.version != 0x45 || e->ip.protocol != PROTOCOL_ICMP ||
	    !same_ip(e->ip.target, s->options->ip))
		return;
	if (e->icmp.type == ECHO_REQUEST)
		answer_echo(s, e, len);
	else if (e->icmp.type == ECHO_REPLY)
		on_answer(s, e);
}

/* Handles all that has come in. Whether there was anything. */
static bool receive_all(struct state *s)
{
	const uint8_t *frame;
	uint32_t len;
	bool any = false;

	while ((frame = nic_receive(&len))) {
		on_frame(s, frame, len);
		nic_done();
		any = true;
	}
	if (any)
		nic_refilled();
	return any;
}

static void follow_link(struct state *s)
{
	bool up = nic_link_up();

	config_fired = 0;
	if (up == s->link_up)
		return;
	s->link_up = up;
	print(up ? "link up" : "link down");
	print_end();
}

/* Works until *done, the power button, or the deadline. */
static void work_until(struct state *s, const bool *done, uint32_t us)
{
	uint64_t start = ticks(), span = (uint64_t)us * machine_ticks_per_us();

	while (!*done && !button_fired) {
		uint64_t passed;

		receive_fired = 0;
		if (config_fired)
			follow_link(s);
		if (receive_all(s))
			continue;
		passed = ticks() - start;
		if (passed >= span)
			return;
		/* Rounded up by one, so that the timer never fires just before the deadline. */
		machine_sleep(machine_us(span - passed) + 1);
	}
}

static void send_echo(struct state *s)
{
	struct ether *e = (struct ether *)(void *)nic_transmit_buffer();
	uint32_t icmp_len = ICMP_LEN + s->options->size;
	uint32_t len = ETHER_LEN + IP_LEN + icmp_len;
	uint8_t *payload;

	s->n_sent++;
	s->answered = false;
	if (!e)
		return;
	payload = (uint8_t *)e + ETHER_LEN + IP_LEN + ICMP_LEN;
	copy(e->target, s->peer, 6);
	copy(e->source, s->mac, 6);
	e->type = TYPE_IP;
	e->ip = (struct ip){.version = 0x45, .ttl = 64, .protocol = PROTOCOL_ICMP};
	e->ip.len = __builtin_bswap16((uint16_t)(IP_LEN + icmp_len));
	copy(e->ip.source, s->options->ip, 4);
	copy(e->ip.target, s->options->ping, 4);
	e->ip.checksum = checksum(&e->ip, IP_LEN);
	for (uint32_t i = 0; i < s->options->size && s->n_sent <= 64; i++)
		payload[i] = (uint8_t)i; /* each buffer once */
	e->icmp = (struct icmp){.type = ECHO_REQUEST,
				.ident = IDENT,
				.sequence = __builtin_bswap16((uint16_t)s->sequence),
				.sequence_high = s->sequence};
	e->icmp.checksum = checksum(&e->icmp, icmp_len);
	if (len < MIN_FRAME)
		len = MIN_FRAME;
	s->sent_at = ticks();
	nic_transmit(len);
}

static void print_summary(const struct state *s)
{
	print_number(s->n_sent);
	print(" sent, ");
	print_number(s->n_received);
	print(" received, ");
	print_number(s->n_sent - s->n_received);
	print(" lost");
	if (s->n_duplicate) {
		print(", ");
		print_number(s->n_duplicate);
		print(" late or duplicate");
	}
	if (s->n_received) {
		print(", us min/avg/max ");
		print_number(s->best_us);
		print("/");
		print_number(s->sum_us / s->n_received);
		print("/");
		print_number(s->worst_us);
	}
	print_end();
}

static void find_peer(struct state *s)
{
	for (unsigned i = 0; i < ARP_TRIES && !s->has_peer && !button_fired; i++) {
		send_arp(s, ARP_REQUEST, 0, s->options->ping);
		work_until(s, &s->has_peer, s->options->timeout_ms * 1000);
	}
	if (s->has_peer || button_fired)
		return;
	print("nobody answers ARP for ");
	print_ip(s->options->ping);
	print_end();
	machine_exit(EXIT_NO_ARP);
}

static void ping(struct state *s)
{
	static const bool never;
	const struct options *o = s->options;

	while ((o->count == 0 || s->n_sent < o->count) && !button_fired) {
		uint32_t passed;

		s->sequence++;
		send_echo(s);
		work_until(s, &s->answered, o->timeout_ms * 1000);
		if (!s->answered && !o->quiet && !button_fired) {
			print("seq=");
			print_number(s->sequence);
			print(" lost");
			print_end();
		}
		passed = machine_us(ticks() - s->sent_at);
		if (passed < o->interval_us && s->n_sent != o->count)
			work_until(s, &never, o->interval_us - passed);
	}
}

void ping_main(const struct options *options, const uint8_t mac[6])
{
	static const bool never;
	static struct state s;

	s = (struct state){.options = options, .mac = mac, .best_us = UINT32_MAX, .link_up = true};
	print("ringway tiny guest: ");
	print_ip(options->ip);
	print(" at ");
	print_mac(mac);
	print_end();
	out8(PORT_READY, 1);
	if (options->has_ping) {
		find_peer(&s);
		ping(&s);
		print_summary(&s);
		if (!options->serve)
			machine_exit(s.n_received == s.n_sent ? 0 : EXIT_LOST);
	}
	while (!button_fired)
		work_until(&s, &never, FOR_EVER_US);
	machine_power_off();
}
