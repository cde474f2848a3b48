/* storage/off.h of the server, as far as the dispatcher uses it */
#ifndef CQ_SHIM_OFF_H
#define CQ_SHIM_OFF_H

typedef uint16 OffsetNumber;

#endif							/* CQ_SHIM_OFF_H */
