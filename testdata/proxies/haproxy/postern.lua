-- Asks Postern about every request, through the section of the configuration that listens
-- at the address given:
--
--     http-request lua.postern abns@postern
--     http-request deny deny_status 503 unless { var(txn.postern) -m str allow }
--
-- Only an answer of 200 sets txn.postern to allow, as the last thing that is done here. A
-- denial is handed to the client as Postern words it. For all else, an error in this script
-- included, HAProxy goes on to the next rule, which must be the deny above.

-- What the upstream is told of the session. The client's own are dropped.
local identity = {
    "x-postern-user", "x-postern-session", "x-postern-org", "x-postern-role", "x-postern-permissions",
}

-- Headers that are about a connection or a body and not about the request, either way.
local hop = {}
for _, name in ipairs({
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "content-length", "expect", "host", "date", "server",
}) do
    hop[name] = true
end

-- How long to wait, in milliseconds. The time-outs of the section that leads to Postern lie
-- below, so that it is they who end the waiting: this client would try again.
local timeout = 1000

-- How many headers of the client's are handed on. What is asked with more than tune.http.maxhdr,
-- which is 101, ours included, ends the process of HAProxy.
local most = 80

local function values_of(values)
    local list = {}
    for _, value in pairs(values) do
        list[#list + 1] = value
    end
    return list
end

-- What is asked: the client's headers, and what the request is, which no header of the
-- client's may say; and how many headers of the client's that are.
local function question(txn)
    local headers, count = {}, 0
    for name, values in pairs(txn.http:req_get_headers()) do
        if not hop[name] then
            headers[name] = values_of(values)
            count = count + #headers[name]
        end
    end
    headers["x-forwarded-method"] = { txn.sf:method() }
    headers["x-forwarded-uri"] = { txn.sf:pathq() }
    headers["x-forwarded-host"] = { txn.sf:req_fhdr("host") }
    headers["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
    headers["x-forwarded-for"] = { txn.sf:src() }
    return headers, count
end

-- Hands a denial to the client. This ends the request.
local function refuse(txn, answer)
    local reply = txn:reply({ status = answer.status })
    for name, values in pairs(answer.headers) do
        if not hop[name] then
            for _, value in pairs(values) do
                reply:add_header(name, value)
            end
        end
    end
    if txn.sf:method() ~= "HEAD" then
        reply:set_body(answer.body)
    end
    txn:done(reply)
end

local function postern(txn, address)
    txn:unset_var("txn.postern")
    local headers, count = question(txn)
    local answer = count > most and { status = 431, headers = {}, body = "" } or core.httpclient():get({
        url = "http://127.0.0.1/forward-auth", dst = address, headers = headers, timeout = timeout,
    })
    if answer.status >= 300 and answer.status < 500 then
        refuse(txn, answer)
        return
    end
    if answer.status ~= 200 then
        return
    end
    for _, name in ipairs(identity) do
        txn.http:req_del_header(name)
        for _, value in pairs(answer.headers[name] or {}) do
            if value ~= "" then
                txn.http:req_set_header(name, value)
            end
        end
    end
    txn:set_var("txn.postern", "allow")
end

core.register_action("postern", { "http-req" }, postern, 1)
