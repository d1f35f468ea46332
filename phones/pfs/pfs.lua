-- phones/pfs/pfs.lua -- Wireshark dissector for peer firmware sharing, UDP and TCP port 4051 (see PROTOCOL.md).
--
--   wireshark -X lua_script:phones/pfs/pfs.lua
--   tshark -X lua_script:phones/pfs/pfs.lua -r run.pcapng -Y pfs
--
-- On TCP, file bodies follow BODY messages without any framing of their own. They are not reassembled: the dissector remembers which
-- sequence numbers are body and skips them.

local pfs = Proto("pfs", "Peer Firmware Sharing")

local types = {
  [1] = "OFFER", [2] = "AD", [3] = "ROOT", [4] = "WHOHAS", [5] = "FAILED", [6] = "LEAVE", [7] = "REPORT", [8] = "ACK",
  [16] = "JOIN", [17] = "ASSIGN", [18] = "WELCOME", [19] = "FULL", [20] = "REFUSE", [21] = "PROGRESS", [22] = "BODY",
  [23] = "DONE", [24] = "BYE", [25] = "NEXT",
}
local states = { [0] = "wanting", [1] = "root waiting", [2] = "root fetching", [3] = "waiting", [4] = "receiving", [5] = "holding" }
local sources = { [0] = "scenario", [1] = "directory", [2] = "synthetic", [3] = ".loads", [4] = "first use", [255] = "none" }
local reports = { [1] = "lost", [2] = "holding", [3] = "leaving" }
local refusals = { [0] = "there was none", [1] = "was full", [2] = "was unreachable", [3] = "sent a wrong body" }
local whys = { [1] = "not here", [2] = "no place", [3] = "moved", [4] = "leaving", [5] = "failed", [6] = "avoided", [7] = "wrong" }

local f = pfs.fields
f.magic = ProtoField.uint16("pfs.magic", "Magic", base.HEX)
f.version = ProtoField.uint8("pfs.version", "Version")
f.type = ProtoField.uint8("pfs.type", "Type", base.DEC, types)
f.length = ProtoField.uint16("pfs.length", "Length")
f.zero = ProtoField.uint16("pfs.zero", "Zero", base.HEX)
f.xid = ProtoField.uint32("pfs.xid", "Transaction id", base.HEX)
f.file_hash = ProtoField.uint32("pfs.h", "File hash H", base.HEX)
f.model_hash = ProtoField.uint32("pfs.model_hash", "Model hash", base.HEX)
f.strength = ProtoField.uint32("pfs.strength", "Strength", base.HEX)
f.strength_holds = ProtoField.bool("pfs.strength.holds", "Holds the file", 32, nil, 0x80000000)
f.strength_root = ProtoField.bool("pfs.strength.root", "Confirmed root", 32, nil, 0x40000000)
f.strength_random = ProtoField.uint32("pfs.strength.random", "Drawn at random", base.HEX, nil, 0x3fffffff)
f.map = ProtoField.uint32("pfs.map", "Map", base.HEX)
f.count = ProtoField.uint32("pfs.count", "Count")
f.root = ProtoField.ipv4("pfs.root", "Root")
f.next_xid = ProtoField.uint32("pfs.next_xid", "Next transaction id", base.HEX)
f.state = ProtoField.uint8("pfs.state", "State", base.DEC, states)
f.root_state = ProtoField.uint8("pfs.root_state", "State of the root", base.DEC, states)
f.report = ProtoField.uint8("pfs.report", "Report", base.DEC, reports)
f.refused = ProtoField.uint8("pfs.refused", "First address to avoid", base.DEC, refusals)
f.why = ProtoField.uint8("pfs.why", "Why", base.DEC, whys)
f.flags = ProtoField.uint8("pfs.flags", "Flags", base.HEX)
f.flag_children = ProtoField.bool("pfs.flags.children", "Has children", 8, nil, 0x01)
f.flag_keep = ProtoField.bool("pfs.flags.keep", "Keeps its children", 8, nil, 0x01)
f.subject = ProtoField.ipv4("pfs.subject", "Subject")
f.place = ProtoField.uint32("pfs.place", "Place")
f.epoch = ProtoField.uint32("pfs.epoch", "Epoch")
f.parent = ProtoField.ipv4("pfs.parent", "Parent")
f.parent_epoch = ProtoField.uint32("pfs.parent_epoch", "Epoch of the parent")
f.depth = ProtoField.uint32("pfs.depth", "Depth")
f.serial = ProtoField.uint32("pfs.serial", "Serial")
f.size = ProtoField.uint64("pfs.size", "File size")
f.offset = ProtoField.uint64("pfs.offset", "Offset")
f.body_length = ProtoField.uint64("pfs.body_length", "Body length")
f.digest_source = ProtoField.uint8("pfs.digest_source", "Digest source", base.DEC, sources)
f.digest = ProtoField.bytes("pfs.digest", "SHA-256")
f.avoid = ProtoField.ipv4("pfs.avoid", "Avoid")
f.model = ProtoField.string("pfs.model", "Model")
f.path = ProtoField.string("pfs.path", "Path")
f.reason = ProtoField.string("pfs.reason", "Reason")
f.body = ProtoField.uint32("pfs.body", "Body bytes in this segment")

local malformed = ProtoExpert.new("pfs.malformed", "Malformed message", expert.group.MALFORMED, expert.severity.ERROR)
pfs.experts = { malformed }

local HEADER, MAX = 20, 640
local MAGIC = 0x5046

-- name of a field, its size in bytes; texts, digests and lists have their own names
local sizes = {
  strength = 4, map = 4, count = 4, root = 4, next_xid = 4, state = 1, root_state = 1, report = 1, refused = 1, why = 1, flags = 1,
  subject = 4, place = 4, epoch = 4, parent = 4, parent_epoch = 4, depth = 4, serial = 4, size = 8, offset = 8, body_length = 8,
}
local layouts = {
  [1] = { "strength", "map", "MODEL", "PATH" },
  [2] = { "strength", "count", "MODEL", "PATH" },
  [3] = { "strength", "root", "state", "size", "DIGEST", "MODEL", "PATH" },
  [4] = { "MODEL", "PATH" },
  [5] = { "count", "MODEL", "PATH", "REASON" },
  [6] = { "root", "MODEL", "PATH" },
  [7] = { "report", "subject", "place", "epoch" },
  [8] = { "report", "subject", "place", "epoch" },
  [16] = { "flags", "place", "epoch", "parent_epoch", "offset", "DIGEST", "refused", "AVOID", "MODEL", "PATH" },
  [17] = { "flags", "place", "epoch", "parent", "parent_epoch", "depth", "root", "size", "DIGEST" },
  [18] = { "state", "root_state", "serial", "depth" },
  [19] = {},
  [20] = { "why", "root", "next_xid", "REASON" },
  [21] = { "state", "root_state", "offset", "serial", "depth", "root", "DIGEST" },
  [22] = { "offset", "body_length", "size", "DIGEST" },
  [23] = {},
  [24] = { "why", "root", "next_xid", "count", "REASON" },
  [25] = { "offset", "DIGEST", "MODEL", "PATH" },
}

-- What stands behind some numbers, for people.
local ASKS = 0xffffffff -- a place
local function remark(name, value)
  if name == "place" and value == ASKS then
    return " (asks for one)"
  elseif name == "size" and value == 0 then
    return " (not known yet)"
  elseif name == "offset" or name == "size" or name == "body_length" then
    return " bytes"
  end
  return ""
end

-- What of a message goes into the packet list; `v`: its fields.
local function place_of(v)
  return v.place == ASKS and "asks for a place" or "place " .. v.place
end
local function named(v)
  return v.path or ""
end
local details = {
  [1] = function(v) return string.format("strength %08x, %s", v.strength, named(v)) end,
  [2] = function(v) return string.format("%d, strength %08x, %s", v.count, v.strength, named(v)) end,
  [3] = function(v) return string.format("%s, %s, %s", v.root, states[v.state] or "?", named(v)) end,
  [4] = named,
  [5] = function(v) return string.format("%s: %s", named(v), v.reason or "") end,
  [6] = function(v) return string.format("successor %s, %s", v.root, named(v)) end,
  [7] = function(v) return string.format("%s %s, epoch %d", reports[v.report] or "?", v.subject, v.epoch) end,
  [8] = function(v) return string.format("%s %s, epoch %d", reports[v.report] or "?", v.subject, v.epoch) end,
  [16] = function(v) return string.format("%s, has %d, %s", place_of(v), v.offset, named(v)) end,
  [17] = function(v) return string.format("%s below %s, depth %d", place_of(v), v.parent, v.depth) end,
  [18] = function(v) return string.format("%s, depth %d", states[v.state] or "?", v.depth) end,
  [20] = function(v) return whys[v.why] or "?" end,
  [21] = function(v) return string.format("%s, has %d", states[v.state] or "?", v.offset) end,
  [22] = function(v) return string.format("%d from %d of %d", v.body_length, v.offset, v.size) end,
  [24] = function(v) return whys[v.why] or "?" end,
  [25] = function(v) return string.format("has %d, %s", v.offset, named(v)) end,
}
local addresses = { root = true, subject = true, parent = true }

-- A field that is a number or an address; returns its value.
local function add_number(tree, name, range, kind)
  local value
  if addresses[name] then
    value = tostring(range:ipv4())
  elseif range:len() == 8 then
    value = range:uint64():tonumber()
  else
    value = range:uint()
  end
  local item = tree:add(f[name], range)
  item:append_text(remark(name, value))
  if name == "strength" then
    item:add(f.strength_holds, range)
    item:add(f.strength_root, range)
    item:add(f.strength_random, range)
  elseif name == "flags" then
    item:add(kind == 16 and f.flag_children or f.flag_keep, range)
  end
  return value
end

-- Adds one message of `length` bytes at `at`; returns its line for the packet list and, of a BODY, how many
-- bytes follow it.
local function add_message(tvb, at, length, tree, pinfo)
  local kind = tvb(at + 3, 1):uint()
  local sub = tree:add(pfs, tvb(at, length), "Peer Firmware Sharing, " .. (types[kind] or "unknown type"))
  sub:add(f.magic, tvb(at, 2))
  sub:add(f.version, tvb(at + 2, 1))
  sub:add(f.type, tvb(at + 3, 1))
  sub:add(f.length, tvb(at + 4, 2))
  sub:add(f.zero, tvb(at + 6, 2))
  sub:add(f.xid, tvb(at + 8, 4))
  sub:add(f.file_hash, tvb(at + 12, 4))
  sub:add(f.model_hash, tvb(at + 16, 4))

  local pos, last, v = at + HEADER, at + length, {}
  local title = types[kind] or "unknown"
  local function need(count)
    if pos + count > last then
      sub:add_proto_expert_info(malformed)
      return false
    end
    return true
  end
  for _, name in ipairs(layouts[kind] or {}) do
    if name == "DIGEST" then
      if not need(33) then return title, 0 end
      sub:add(f.digest_source, tvb(pos, 1))
      if tvb(pos, 1):uint() ~= 255 then -- else it may be anything
        sub:add(f.digest, tvb(pos + 1, 32))
      end
      pos = pos + 33
    elseif name == "AVOID" then
      if not need(1) then return title, 0 end
      local count = tvb(pos, 1):uint()
      pos = pos + 1
      for _ = 1, count do
        if not need(4) then return title, 0 end
        sub:add(f.avoid, tvb(pos, 4))
        pos = pos + 4
      end
    elseif name == "MODEL" or name == "PATH" or name == "REASON" then
      if not need(1) then return title, 0 end
      local count = tvb(pos, 1):uint()
      if not need(1 + count) then return title, 0 end
      if count > 0 then
        sub:add(f[name:lower()], tvb(pos + 1, count))
        v[name:lower()] = tvb(pos + 1, count):string()
      end
      pos = pos + 1 + count
    else
      if not need(sizes[name]) then return title, 0 end
      v[name] = add_number(sub, name, tvb(pos, sizes[name]), kind)
      pos = pos + sizes[name]
    end
  end
  if pos ~= last then
    sub:add_proto_expert_info(malformed)
  end
  sub:append_text(string.format(", XID%08X", tvb(at + 8, 4):uint()))
  if details[kind] ~= nil then
    title = title .. " " .. details[kind](v)
  end
  return title, v.body_length or 0
end

local function is_start(tvb, at, length)
  local want = { 0x50, 0x46, 1 }
  for i = 1, math.min(3, length) do
    if tvb(at + i - 1, 1):uint() ~= want[i] then
      return false
    end
  end
  return true
end

-- ---- UDP ----

local function dissect_udp(tvb, pinfo, tree)
  local length = tvb:len()
  if length < HEADER or length > MAX or not is_start(tvb, 0, length) or tvb(4, 2):uint() ~= length then
    return 0
  end
  pinfo.cols.protocol = "PFS"
  pinfo.cols.info = (add_message(tvb, 0, length, tree, pinfo))
  return length
end

-- ---- TCP ----

local next_seq = Field.new("tcp.nxtseq")
local stream_number = Field.new("tcp.stream")
local bodies = {} -- direction of a connection -> list of { first, beyond }: sequence numbers that are body

function pfs.init()
  bodies = {}
end

local function ranges_of(pinfo)
  local number = stream_number()
  local key = tostring(number and number.value) .. " " .. tostring(pinfo.src) .. " " .. pinfo.src_port
  bodies[key] = bodies[key] or {}
  return bodies[key]
end

local function body_end(ranges, seq)
  for _, range in ipairs(ranges) do
    if seq >= range[1] and seq < range[2] then
      return range[2]
    end
  end
  return nil
end

local function remember(ranges, first, beyond)
  for _, range in ipairs(ranges) do
    if range[1] == first then
      return
    end
  end
  ranges[#ranges + 1] = { first, beyond }
end

local function dissect_tcp(tvb, pinfo, tree)
  local length, at, names = tvb:len(), 0, {}
  local nxt = next_seq()
  if nxt == nil then
    return 0
  end
  -- What is handed in always ends where the segment ends: more is asked for by whole segments only. Of a truncated capture fewer
  -- bytes are there than the segment had.
  local wire = tvb:reported_len()
  local first = nxt.value - wire
  local ranges = ranges_of(pinfo)
  while at < length do
    local skip = body_end(ranges, first + at)
    if skip ~= nil then
      local wanted = math.min(wire - at, skip - (first + at))
      local count = math.min(length - at, wanted)
      local sub = tree:add(pfs, tvb(at, count), "Peer Firmware Sharing, file body")
      sub:add(f.body, tvb(at, count), wanted)
      names[#names + 1] = "body " .. wanted
      at = at + wanted
    else
      local have = length - at
      if not is_start(tvb, at, have) then
        if at == 0 then
          return 0
        end
        tree:add(pfs, tvb(at), "Peer Firmware Sharing, not a message"):add_proto_expert_info(malformed)
        return length
      end
      local total = have >= 6 and tvb(at + 4, 2):uint() or HEADER
      if total < HEADER or total > MAX then
        tree:add(pfs, tvb(at), "Peer Firmware Sharing, bad length"):add_proto_expert_info(malformed)
        return length
      end
      if have < total then
        pinfo.desegment_offset = at
        pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
        pinfo.cols.protocol = "PFS"
        if #names > 0 then
          pinfo.cols.info = table.concat(names, "; ")
        end
        return length
      end
      local title, body = add_message(tvb, at, total, tree, pinfo)
      names[#names + 1] = title
      at = at + total
      if body > 0 then
        remember(ranges, first + at, first + at + body)
      end
    end
  end
  pinfo.cols.protocol = "PFS"
  pinfo.cols.info = table.concat(names, "; ")
  return length
end

function pfs.dissector(tvb, pinfo, tree)
  if pinfo.port_type == 2 then
    return dissect_tcp(tvb, pinfo, tree)
  end
  return dissect_udp(tvb, pinfo, tree)
end

DissectorTable.get("udp.port"):add(4051, pfs)
DissectorTable.get("tcp.port"):add(4051, pfs)
