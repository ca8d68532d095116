//! What every function's main needs: configuration, clients, telemetry, clock.
