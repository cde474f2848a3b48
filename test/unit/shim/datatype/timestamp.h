/* datatype/timestamp.h of the server, as far as the dispatcher uses it */
#ifndef CQ_SHIM_DATATYPE_TIMESTAMP_H
#define CQ_SHIM_DATATYPE_TIMESTAMP_H

typedef int64 TimestampTz;

#endif							/* CQ_SHIM_DATATYPE_TIMESTAMP_H */
