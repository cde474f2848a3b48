/*-------------------------------------------------------------------------
 *
 * partitioner.h
 *	  Which partition a key belongs to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_PARTITIONER_H
#define CQ_TOPIC_PARTITIONER_H

/*
 * MurmurHash2, 32 bits, by Austin Appleby, with the seed that Kafka's default
 * partitioner uses.
 */
extern uint32 cq_murmur2(const unsigned char *bytes, int n);

/*
 * The partition, from 0, of a key of n bytes: (murmur2(key) & 0x7fffffff) modulo
 * the number of partitions, as Kafka's default partitioner computes it.
 */
extern int	cq_partition_of(const char *key, int n, int partitions);

#endif							/* CQ_TOPIC_PARTITIONER_H */
