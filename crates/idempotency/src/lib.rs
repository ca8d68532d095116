//! Claims with fencing tokens over DynamoDB or memory.
