SELECT srcaddr -- the sender
FROM flow_logs /* all of them */ WHERE dstport = 53; -- end