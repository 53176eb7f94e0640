DROP TABLE session_confirmations;
