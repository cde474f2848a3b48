/* storage/block.h of the server, as far as the dispatcher uses it */
#ifndef CQ_SHIM_BLOCK_H
#define CQ_SHIM_BLOCK_H

typedef uint32 BlockNumber;

#define InvalidBlockNumber ((BlockNumber) 0xFFFFFFFF)

#endif							/* CQ_SHIM_BLOCK_H */
