-- Sends one fixed request; reports the counts and percentiles as one line of JSON.
-- Arguments: the target of the request and its Host, where they differ from the URL's.

function init(args)
  if args[1] then
    wrk.path = args[1]
    wrk.headers["Host"] = args[2]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"errors":%d,"tails_ms":{"p50":%f,"p99":%f,"p99.9":%f,"max":%f}}\n',
    summary.requests, summary.duration / 1e6, failed,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency:percentile(99.9) / 1e3, latency.max / 1e3))
end
